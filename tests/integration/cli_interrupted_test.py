# SPDX-License-Identifier: GPL-2.0-or-later
"""
Ctrl-C and SIGTERM at each step of a change: what is said of it, whether that
is true, and the next command, which runs as it stands.
"""

import os
import re
import shlex
import signal
import sys

import pytest

from tests.support.clifixtures import WHY, A, B
from tests.support.hooks.needs import needs_sanlock, slow_to_join
from tests.support.processes import ignoring
from tests.support.storage import filedomain
from tests.support.storage.filewriting import STEPS
from tests.support.waiting import wait_until
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
]
pytestmark = [slow_to_join, needs_sanlock]

MODULE = "tests.support.processes.interrupted"
INT, TERM, HUP = map(int, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))

NOTHING = "Interrupted, nothing was changed\n"
UNKNOWN = "Interrupted, and the outcome is unknown (error 982)\n"
IS = "Interrupted after the change: data1 IS a backup domain\n"
IS_NOT = "Interrupted after the change: data1 is NOT a backup domain\n"
SEALED = (
    "Interrupted after the change: data1 has the right checksum (_SHA_CKSUM)"
    " again\n"
)

BEFORE = ["search", "joining", "taking the SDM lease", *STEPS[:-2]]
WITHIN = STEPS[-2:]


def interrupted(host, number, moment, *args, **options):
    """What it said, without the beginning and the hints; and the hints."""
    args = [str(number), moment, "--config", host.config, *args]
    done = host.process(*args, module=MODULE, **options)
    assert done.out == ""
    assert done.code == 128 + number
    begin = "vdsm-backup-domain: error 991: "
    lines = [x for x in done.err.splitlines(True) if x.startswith(begin)]
    assert len(lines) == 1, done.err
    hints = [x for x in done.err.splitlines() if x.startswith("hint: ")]
    return lines[0][len(begin) :], hints


def next_command(host, hints):
    """What the next command, as it stands, says of the flag then."""
    (hint,) = hints
    program, *args = shlex.split(hint.partition(": ")[2].partition(": ")[2])
    assert program == "vdsm-backup-domain"
    assert host.config in args and A in args
    done = host.process(*args, module="vdsm_backup.__main__")
    assert done.code == 0, done.err
    return args[0], done.out


def ended(host):
    """What log and history say of how the last change has ended."""
    found = []
    for command in ("log", "history"):
        done = host.process(command, A)
        title, *rows = done.out.splitlines()
        # Columns are two blanks apart, and a cell has single ones.
        at = re.split(" {2,}", title).index("RESULT")
        found.append(re.split(" {2,}", rows[-1])[at])
    assert found[0] == found[1]
    return found[0]


def is_flagged(host):
    return host.values(A).get("BACKUP") == "True"


@pytest.mark.parametrize("moment", BEFORE)
def test_before_the_change(leased, moment):
    leased.domain(sd_id=A, name="data1")
    before = leased.bytes(A)
    said, hints = interrupted(leased, INT, moment, "set", A, *WHY)
    assert said == NOTHING
    assert leased.bytes(A) == before
    wait_until(lambda: not os.path.exists(leased.record(A)))
    command, out = next_command(leased, hints)
    assert command == "set"
    assert is_flagged(leased)
    leased.assert_tidy(A)


@pytest.mark.parametrize("moment", WITHIN)
@pytest.mark.parametrize("number", [INT, TERM], ids=["INT", "TERM"])
def test_within_the_write(leased, moment, number):
    leased.domain(sd_id=A, name="data1")
    said, hints = interrupted(leased, number, moment, "set", "data1", *WHY)
    assert said == UNKNOWN
    assert ended(leased) == "interrupted, outcome unknown"
    command, out = next_command(leased, hints)
    assert command == "show"
    assert ("nightly copies" in out) is is_flagged(leased)


@pytest.mark.parametrize(
    "moment, command",
    [
        ("looking for users", "set"),
        ("leaving", "set"),
        ("leaving", "clear"),
        ("tidy", "clear"),
    ],
)
def test_after_the_change(leased, moment, command):
    text, flagged = (IS, None) if command == "set" else (IS_NOT, "True")
    leased.domain(sd_id=A, name="data1", BACKUP=flagged)
    said, hints = interrupted(leased, TERM, moment, command, "data1", *WHY)
    assert said == text
    assert is_flagged(leased) is (text == IS)
    state = "set" if command == "set" else "not set"
    assert ended(leased) == f"interrupted, flag {state}"
    assert next_command(leased, hints)[0] == "show"


@pytest.mark.parametrize(
    "moment, text",
    [("check", NOTHING), ("commit", UNKNOWN), ("leaving", IS)],
)
def test_restore(leased, moment, text):
    leased.domain(sd_id=A, name="data1", BACKUP="True", BACKUP_REASON="why")
    assert leased.process("clear", A, *WHY).code == 0
    args = ["restore", A, "--from", "1"]
    said, hints = interrupted(leased, INT, moment, *args)
    assert said == text
    if text != UNKNOWN:
        assert is_flagged(leased) is (text == IS)
    command, _ = next_command(leased, hints)
    assert command == ("restore" if text == NOTHING else "show")


@pytest.mark.parametrize(
    "moment, text",
    [("check", NOTHING), ("commit", UNKNOWN), ("leaving", SEALED)],
)
def test_reseal(leased, moment, text):
    leased.domain(sd_id=A, name="data1")
    lines = [
        line
        for line in md_lines.flush(leased.values(A))
        if not line.startswith(md_lines.SEAL)
    ]
    filedomain.put(leased.mount, A, lines)
    said, hints = interrupted(leased, INT, moment, "reseal", A, *WHY)
    assert said == text
    if text != UNKNOWN:
        sealed = b"_SHA_CKSUM=" in leased.bytes(A)
        assert sealed is (text == SEALED)
    if text != NOTHING:
        assert next_command(leased, hints)[0] == "show"


def test_while_it_ends_with_an_error(leased):
    """What had failed before is told, too."""
    leased.domain(sd_id=A, name="data1", POOL_UUID=B)
    said, _ = interrupted(leased, INT, "tidy", "set", A, *WHY)
    assert said.startswith(f"{NOTHING[:-1]}; before that: error 972: ")


@pytest.mark.parametrize(
    "moment, text",
    [("joining", NOTHING), ("commit", UNKNOWN), ("leaving", IS)],
)
def test_terminal_that_is_gone(leased, moment, text):
    """ssh has ended. The history says what has become of the change."""
    leased.domain(sd_id=A, name="data1")
    said, hints = interrupted(leased, HUP, moment, "set", A, *WHY)
    assert said == text
    if text == IS:
        assert is_flagged(leased)
        assert ended(leased) == "interrupted, flag set"
    wait_until(lambda: not os.path.exists(leased.record(A)))


def test_nohup(leased):
    """The change is made, whatever becomes of the terminal."""
    leased.domain(sd_id=A, name="data1")
    args = [str(HUP), "commit", "--config", leased.config, "set", A, *WHY]
    done = leased.process(*args, module=MODULE, inside=["nohup"])
    assert done.code == 0, done.err
    assert is_flagged(leased)
    assert ended(leased) == "done"


def test_ignored_before(leased):
    """As in the background of a shell without job control."""
    leased.domain(sd_id=A, name="data1")
    said, _ = interrupted(
        *(leased, INT, "joining", "set", A, *WHY),
        inside=[sys.executable, ignoring.__file__],
    )
    assert said == NOTHING


@pytest.mark.parametrize("number", [INT, TERM], ids=["INT", "TERM"])
def test_in_json(leased, number):
    leased.domain(sd_id=A, name="data1")
    args = [str(number), "commit", "--config", leased.config]
    done = leased.process(*args, "set", A, *WHY, "--json", module=MODULE)
    assert (done.error, done.code) == (991, 128 + number)
    assert "982" in done.json["error"]["message"]


@pytest.mark.parametrize("number", [INT, TERM], ids=["INT", "TERM"])
def test_who_only_reads(host, number):
    host.domain(sd_id=A)
    assert interrupted(host, number, "search", "show", A) == (NOTHING, [])

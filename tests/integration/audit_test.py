# SPDX-License-Identifier: GPL-2.0-or-later
"""
What changes leave in the journal of a host: a real journald takes what the
command sends, the lines of docs/audit.md and `log` find it. The domain is a
local one, whose lease needs no sanlock.
"""

import json
import os
import re
import shlex
import signal
import subprocess

import pytest

from tests.support import programs, testhost
from tests.support.clifixtures import WHY, A, B
from tests.support.documented import journal_lines
from tests.support.host import journald
from tests.support.host.journald import needs_journald
from tests.support.storage import filedomain
from vdsm_backup.host import journalctl
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = ["tests.support.clifixtures"]
pytestmark = [
    needs_journald,
    pytest.mark.slow("each command is a process"),
]

VM = "7c19a8d2-5f6c-4b1c-a3d2-0c6f8ac43e25"
PREFIX = "VDSM_BACKUP_"


@pytest.fixture(scope="module")
def log():
    with journald.Journald() as log:
        yield log


@pytest.fixture
def host(directory, log):
    """Its commands talk to a journal that is empty."""
    log.forget()
    with testhost.Host(os.path.join(directory, "host")) as host:
        host.log = log
        yield host


def run(host, *args, module="vdsm_backup", **options):
    return host.process(*args, module=module, inside=host.log.enter())


def ours(host):
    """Our fields of each entry, and its priority."""
    found = []
    for entry in host.log.entries():
        fields = {
            name[len(PREFIX) :].lower(): value
            for name, value in entry.items()
            if name.startswith(PREFIX)
        }
        found.append({"priority": entry["PRIORITY"], **fields})
    return found


def brief(entries):
    names = ("action", "result", "before", "after", "code", "priority")
    return [tuple(e.get(name) for name in names) for e in entries]


def local(host, sd_id=A, **values):
    host.domain(sd_id=sd_id, TYPE="LOCALFS", **values)


def test_from_set_to_clear(host):
    local(host, name="data1")
    assert run(host, "set", A, *WHY).code == 0
    assert run(host, "set", "data1", *WHY).code == 0
    assert (
        run(host, "clear", A, "--reason", "to tape", "--by", "jd@pc").code == 0
    )
    first, second, third = entries = ours(host)
    assert brief(entries) == [
        ("set", "done", "False", "True", None, "5"),
        ("set", "done", "True", "True", None, "5"),
        ("clear", "done", "True", "False", None, "4"),
    ]
    assert first["domain"] == A
    assert (first["name"], first["reason"]) == ("data1", WHY[1])
    assert (first["via"], first["copy"]) == ("command", "1")
    assert re.fullmatch(r".+@.+", first["by"])
    assert "copy" not in second
    assert (third["by"], third["copy"]) == ("jd@pc", "2")
    # The history says the same.
    copies = run(host, "--json", "history", A).json["copies"]
    assert [(c["result"], c["after"], c["reason"]) for c in copies] == [
        ("done", True, WHY[1]),
        ("done", False, "to tape"),
    ]


def test_refused_and_failed(host):
    local(host, BACKUP="True", BACKUP_REASON="x", BACKUP_BY="a@b")
    assert run(host, "set", A, *WHY).code == 4
    assert run(host, "set", B, *WHY).code == 1
    assert run(host, "clear", "typo", *WHY).code == 1
    filedomain.put_bytes(host.mount, A, b"")
    assert run(host, "clear", A, *WHY).code == 1
    first, second, third, fourth = entries = ours(host)
    assert brief(entries) == [
        ("set", "refused", "True", "True", "9601", "4"),
        ("set", "failed", "unknown", "unknown", "956", "3"),
        ("clear", "failed", "unknown", "unknown", third["code"], "3"),
        ("clear", "failed", "unknown", "unknown", fourth["code"], "3"),
    ]
    assert (second["domain"], "name" in second) == (B, False)
    assert ("domain" in third, third["name"]) == (False, "typo")
    assert fourth["domain"] == A


def test_restore_and_reseal(host):
    local(host)
    assert run(host, "set", A, *WHY).code == 0
    lines = md_lines.flush(host.values(A))
    filedomain.put(host.mount, A, lines[:-1])
    assert run(host, "reseal", A, "--reason", "by hand").code == 0
    assert run(host, "restore", A, "--from", "1").code == 0
    assert run(host, "restore", A, "--from", "77").code == 1
    _, reseal, restore, none = entries = ours(host)
    assert brief(entries[1:]) == [
        ("reseal", "done", "unknown", "True", None, "5"),
        ("restore", "done", "True", "False", None, "4"),
        ("restore", "failed", "unknown", "unknown", none["code"], "3"),
    ]
    assert reseal["reason"] == "by hand"
    assert "reason" not in restore
    copies = run(host, "--json", "history", A).json["copies"]
    found = [(c["action"], c["result"], c["after"]) for c in copies]
    assert found[1:] == [("reseal", "done", True), ("restore", "done", False)]


@pytest.mark.parametrize(
    "moment, result",
    [
        ("search", ("interrupted", "unknown", "unknown", "991", "4")),
        ("create", ("interrupted", "False", "False", "991", "4")),
        ("commit", ("interrupted", "False", "unknown", "991", "3")),
        ("tidy", ("interrupted", "False", "True", "991", "4")),
    ],
)
def test_interrupted(host, moment, result):
    local(host)
    number = int(signal.SIGINT)
    done = run(
        host,
        *(number, moment, "--config", host.config, "set", A, *WHY),
        module="tests.support.processes.interrupted",
    )
    assert done.code == 128 + number
    (entry,) = ours(host)
    assert brief([entry]) == [("set", *result)]
    copies = run(host, "--json", "history", A).json["copies"]
    kept = [(c["result"], c["code"]) for c in copies]
    assert kept == ([] if moment == "search" else [("interrupted", 991)])


def test_permit(host):
    why = ["--for", "2h", "--reason", "ticket 4711"]
    assert run(host, "permit", "--vm", VM, *why).code == 0
    assert run(host, "permit", "--list").code == 0
    assert run(host, "permit", "--vm", VM, "--revoke").code == 0
    os.mkdir(os.path.join(host.permits, f"{VM}.json"))
    assert run(host, "permit", "--vm", VM, "--revoke").code == 1
    first, second, third = entries = ours(host)
    assert [(e["action"], e["result"], e["priority"]) for e in entries] == [
        ("permit", "done", "4"),
        ("permit", "undone", "5"),
        ("permit", "failed", "3"),
    ]
    assert {e["vm_id"] for e in entries} == {VM}
    assert first["reason"] == "ticket 4711"


def test_what_leaves_no_entry(host):
    local(host)
    for args, code in [
        (["set", A, *WHY, "--dry-run"], 0),
        (["clear", A, *WHY, "--dry-run"], 0),
        (["reseal", A, *WHY, "--dry-run"], 0),
        (["set", B, *WHY, "--dry-run"], 1),
        (["set", A], 2),
        (["set", A, "--reason", "two\nlines"], 2),
        (["set", A, *WHY, "--nonsense"], 2),
        (["restore", A, "--from", "x"], 2),
        (["permit", "--vm", "x", "--revoke"], 2),
        (["show", A], 0),
        (["verify", A], 0),
        (["list"], 0),
    ]:
        done = run(host, *args)
        assert done.code == code, (args, done)
    assert ours(host) == []


def test_forged_names_add_no_field(host):
    """SD is asked for, so it may have a line feed; and so may a file."""
    forged = "x\nVDSM_BACKUP_RESULT=done\nVDSM_BACKUP_BY=root@trusted"
    assert run(host, "clear", forged, *WHY).code == 1
    why = ["--for", "2h", "--reason", "a\nb"]
    assert run(host, "permit", "--vm", VM, *why).code == 2
    done = run(host, "clear", "typo", *WHY, "--by", f"me\n{forged}@pc")
    first, *more = host.log.entries()
    assert first["VDSM_BACKUP_NAME"] == forged
    assert first["VDSM_BACKUP_RESULT"] == "failed"
    assert "\n" not in first["MESSAGE"]
    for entry in more:
        assert entry["VDSM_BACKUP_RESULT"] == "failed", done
        assert entry["VDSM_BACKUP_BY"] != "root@trusted"


def test_a_journal_that_takes_nothing(host):
    """A change does not wait for it, and is made."""
    local(host)
    host.log.signal(signal.SIGSTOP)
    try:
        programs.run(
            "tests.support.host.tell_much",
            inside=host.log.enter(),
            check=True,
        )
        done = run(host, "set", A, *WHY)
    finally:
        host.log.signal(signal.SIGCONT)
    assert done.code == 0
    host.log.stop()
    try:
        done = run(host, "clear", A, *WHY)
    finally:
        host.log.start()
    assert done.code == 0
    copies = run(host, "--json", "history", A).json["copies"]
    assert [c["result"] for c in copies] == ["done", "done"]


# log, and the lines of docs/audit.md


def documented(host):
    """What the lines of the page find: the MESSAGE of each entry."""
    found = []
    for line in journal_lines():
        program, *args = shlex.split(line)
        assert program == os.path.basename(journalctl.JOURNALCTL)
        out = host.log.journalctl(*args, "--all", "-o", "json")
        found += [json.loads(entry) for entry in out.splitlines()]
    found.sort(key=lambda entry: int(entry["__REALTIME_TIMESTAMP"]))
    return [entry["MESSAGE"] for entry in found]


def tell(host, message, user=None, **fields):
    done = programs.run(
        "tests.support.host.tell_journal",
        json.dumps([message, 4, fields]),
        inside=host.log.enter(user),
    )
    assert done.stdout == "True\n", done.stderr


def test_log_and_the_lines_of_the_page(host):
    host.configure(user=36, group=36)
    local(host, name="data1")
    os.chmod(os.path.dirname(os.path.dirname(host.mount)), 0o755)
    subprocess.run(["chown", "-R", "36:36", host.mount], check=True)
    assert run(host, "set", A, *WHY).code == 0
    answer = {"operation": "run", "domain": A, "vm": "VM web1", "vm_id": VM}
    refused = {**answer, "answer": "refused", "code": 994}
    tell(host, "Refused: x", (36, 36), **refused)
    tell(host, "Not refused: x", **{**refused, "answer": "allowed"})
    # These are nothing for it.
    tell(host, "a note", domain=A)
    tell(host, "forged", (107, 107), **refused)
    assert run(host, "clear", A, *WHY).code == 0
    expected = ["set", None, None, "clear"]
    result = run(host, "--json", "log")
    assert result.code == 0
    entries = result.json["entries"]
    assert [e["action"] for e in entries] == expected
    assert [e["result"] for e in entries] == [
        "done",
        "refused",
        "allowed",
        "done",
    ]
    assert documented(host) == [e["message"] for e in entries]
    assert result.json["since"]
    # What the journal forgets, the history knows.
    host.log.forget()
    result = run(host, "--json", "log", "data1")
    found = [(e["action"], e["result"]) for e in result.json["entries"]]
    assert found == [("set", "done"), ("clear", "done")]


def test_log_of_a_host_without_a_journal(host):
    local(host)
    assert run(host, "set", A, *WHY).code == 0
    host.log.ns.run("sh", "-c", "rm -rf /run/log/journal/*/*.journal")
    done = run(host, "log")
    assert done.code == 3
    assert "set" in done.out
    assert "this host keeps no journal" in done.err

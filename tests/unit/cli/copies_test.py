# SPDX-License-Identifier: GPL-2.0-or-later
"""The next step for damaged metadata is one that this host can do."""

import os
import shlex

import pytest

from tests.support.storage import filedomain
from tests.support.waiting import RUNS_OUT
from tests.unit.cli.restore_test import FLAGGED, PLAIN, A, keep
from vdsm_backup.metadata import lines as md_lines

# What show, verify, list and a change tell of the metadata.
COMMANDS = [
    ["show", A],
    ["verify"],
    ["verify", A],
    ["list"],
    ["clear", A, "--reason", "why"],
]

PROGRAM = "vdsm-backup-domain"


@pytest.fixture
def damaged(host):
    host.domain(sd_id=A)
    lines = [*md_lines.flush(host.values(A))[:-1], f"{md_lines.SEAL}=0"]
    data = "".join(f"{line}\n" for line in lines)
    filedomain.put_bytes(host.mount, A, data.encode())
    return host


def hints(host, command):
    """Those of the one error that there is."""
    said = host.json(*command).json
    if "error" in said:
        return said["error"]["hints"]
    domains = said.get("domains") or [said["domain"]]
    (found,) = [d.get("problems") or [d["error"]] for d in domains]
    return found[0]["hints"]


def run(host, hint):
    """What the command of a hint says."""
    program, *args = shlex.split(hint.rpartition(": ")[2])
    assert program == PROGRAM
    return host.run(*args)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_copy(damaged, command):
    first, second, reseal = hints(damaged, command)
    assert "keeps no copies" in run(damaged, first).out
    assert f"history {A} --export N >copy.json" in second
    assert "reseal" in reseal


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_newest_copy_has_the_flag(damaged, command):
    keep(damaged, PLAIN)
    keep(damaged, FLAGGED)
    # One that is not whole is passed over, as by `restore`.
    keep(damaged, PLAIN[:-1])
    first, second, _ = hints(damaged, command)
    assert first == f"copies kept on this host: {PROGRAM} history {A}"
    assert run(damaged, second).code == 0
    assert damaged.values(A)["BACKUP"] == "True"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_newest_copy_has_no_flag(damaged, command):
    """`restore` without a number would refuse it: error 993."""
    keep(damaged, FLAGGED)
    keep(damaged, PLAIN)
    assert damaged.json("restore", A).error == 993
    first, second, third, _ = hints(damaged, command)
    assert run(damaged, first).out.splitlines() == PLAIN
    assert run(damaged, second).code == 0
    assert "BACKUP" not in damaged.values(A)
    assert run(damaged, third).code == 0
    assert damaged.values(A)["BACKUP"] == "True"


def test_metadata_that_is_gone(damaged):
    # For so long it may be gone for a moment only.
    damaged.configure(io_timeout=RUNS_OUT)
    keep(damaged, PLAIN)
    os.unlink(filedomain.path(damaged.mount, A))
    _, second, _ = hints(damaged, ["show", A])
    assert run(damaged, second).code == 0


def test_history_that_cannot_be_read(damaged):
    """Nothing is said of copies that may be there."""
    with open(damaged.history, "w"):
        pass
    first, *_ = hints(damaged, ["show", A])
    assert first == f"copies kept on this host: {PROGRAM} history {A}"


def test_several(damaged):
    done = damaged.run("show", A, A)
    assert done.err.count("this host keeps no copy") == 2

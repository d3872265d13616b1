# SPDX-License-Identifier: GPL-2.0-or-later
"""
What doctor says of runs that were killed. See integration/cli_killed_test for
runs that really were.
"""

import json
import os
import shlex
import sys

import pytest

from tests.support.waiting import SOON
from vdsm_backup.cli import parser
from vdsm_backup.doctor import checks, killed_runs
from vdsm_backup.metadata.flag import Flag
from vdsm_backup.processes import scripts, spawn
from vdsm_backup.processes.records import Record

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
FLAGGED = Flag(value=True, reason="nightly 'copies' & more")
KNOWN = {A: killed_runs.Known(FLAGGED)}


@pytest.fixture
def run_dir(tmp_path, monkeypatch):
    # There is no daemon.
    monkeypatch.setenv("SANLOCK_RUN_DIR", str(tmp_path))
    return str(tmp_path / "run")


def left(run_dir, sd_id, suffix=""):
    record = Record(run_dir, f"{sd_id}{suffix}")
    record.open()
    record.write({"host_id": 250, "generation": 1})
    record.close()


def check(run_dir, known=KNOWN, no_sanlock=False):
    left = killed_runs.ask(run_dir, SOON)
    if left.lockspaces is None and not no_sanlock:
        # As a daemon that is in no lockspace.
        left = left._replace(lockspaces={})
    return list(killed_runs.check(left, run_dir, 250, known))


def content(run_dir):
    return sorted(os.listdir(run_dir)) if os.path.exists(run_dir) else None


def test_nothing_was_left(run_dir):
    (found,) = check(run_dir)
    assert found.state == checks.OK
    assert content(run_dir) is None


@pytest.mark.parametrize("suffix", ["", ".lvs"])
def test_what_was_left(run_dir, suffix):
    left(run_dir, A, suffix)
    before = content(run_dir)
    (found,) = check(run_dir)
    assert found.state == checks.NOTE
    assert A in found.text
    assert content(run_dir) == before
    words = shlex.split(found.hint)
    assert words == [parser.PROGRAM, "set", A, "--reason", FLAGGED.reason]


@pytest.mark.parametrize(
    "flag, words",
    [
        (Flag(value=False, reason="x"), ["clear", A, "--reason", "x"]),
        (Flag(value=True, reason="-x"), ["set", A, "--reason=-x"]),
    ],
)
def test_command_that_tidies(run_dir, flag, words):
    left(run_dir, A)
    (found,) = check(run_dir, {A: killed_runs.Known(flag, "/m n/sd")})
    assert shlex.split(found.hint)[1:] == [*words, "--path", "/m n/sd"]


@pytest.mark.parametrize(
    "known", [{}, {B: killed_runs.Known(Flag(value=False))}]
)
def test_domain_that_is_not_known_or_has_no_reason(run_dir, known):
    """The command that is named cannot change its metadata."""
    left(run_dir, A)
    left(run_dir, B, ".lvs")
    found = {f.text: f.hint for f in check(run_dir, known)}
    (hint,) = [hint for text, hint in found.items() if B in text]
    command = f"{parser.PROGRAM} restore {B} --from 999999999, "
    assert hint.startswith(command)


def test_run_that_goes_on(run_dir):
    left(run_dir, A)
    record = Record(run_dir, A)
    record.open()
    assert record.lock()
    (found,) = check(run_dir)
    assert (found.state, found.hint) == (checks.NOTE, "")
    assert f"pid {os.getpid()}" in found.text
    # It is not kept from its lock.
    record.close()
    record.open()
    assert record.lock()
    record.close()


@pytest.mark.parametrize(
    "name", ["x.json", f"{A}.json.new", f"{A}.txt", "scan", f"{A}.lock"]
)
def test_other_files(run_dir, name):
    os.mkdir(run_dir)
    with open(os.path.join(run_dir, name), "w") as f:
        f.write("{")
    (found,) = check(run_dir)
    assert found.state == checks.OK


@pytest.mark.parametrize("text", ["", "{", "[]", "5"])
def test_record_that_is_damaged(run_dir, text):
    os.mkdir(run_dir)
    with open(os.path.join(run_dir, f"{A}.json"), "w") as f:
        f.write(text)
    (found,) = check(run_dir)
    assert found.state == checks.NOTE
    assert A in found.text


def test_run_dir_that_is_none(run_dir):
    with open(run_dir, "w"):
        pass
    (found,) = check(run_dir)
    assert found.state == checks.UNKNOWN
    assert "Not a directory" in found.text


# What sanlock says, which is not so here


def say(monkeypatch, *lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    code = "import sys; sys.stdout.write(sys.argv[1])"
    command = [sys.executable, "-c", code, text]
    monkeypatch.setattr(spawn, "command", lambda *args: command)
    assert scripts.spawn is spawn


DOMAIN = {"domain": A, "pid": None, "join": True, "lvs": True, "ours": True}
SPACES = {"lockspaces": {A: {"host_id": 250, "path": "/ids\n"}}}


def test_host_that_is_in_the_lockspace(run_dir, monkeypatch):
    say(monkeypatch, SPACES, DOMAIN, {"end": True})
    (found,) = check(run_dir)
    assert found.state == checks.BAD
    assert f"lockspace of domain {A}, as host id 250 by /ids\\n" in found.text
    assert found.hint.startswith(f"{parser.PROGRAM} set {A} ")


def test_somebody_else_has_joined_since(run_dir, monkeypatch):
    domain = {**DOMAIN, "ours": False, "lvs": False}
    say(monkeypatch, SPACES, domain, {"end": True})
    (found,) = check(run_dir)
    assert found.state == checks.NOTE


SPACE = {"host_id": 250, "path": "/i's"}


@pytest.mark.parametrize(
    "more", [{}, {B: {"host_id": 7, "path": "/b"}}], ids=["alone", "others"]
)
def test_lockspace_that_is_joined_without_a_record(run_dir, monkeypatch, more):
    say(monkeypatch, {"lockspaces": {A: SPACE, **more}}, {"end": True})
    (found,) = check(run_dir)
    assert found.state == checks.NOTE
    assert f"lockspace of domain {A} as host id 250" in found.text
    words = shlex.split(found.hint.partition(": ")[2])
    assert words[:2] == ["python3", "-c"]
    call = f"rem_lockspace(b'{A}', 250, \"/i's\", unused=True)"
    assert words[2] == f"import sanlock; sanlock.{call}"


@pytest.mark.parametrize(
    "spaces",
    [
        # VDSM's host id is 250.
        {A: SPACE, B: SPACE},
        {A: {**SPACE, "host_id": 7}},
        # Somebody else's.
        {"__LIBVIRT__DISKS__": SPACE},
    ],
)
def test_lockspaces_of_others(run_dir, monkeypatch, spaces):
    say(monkeypatch, {"lockspaces": spaces}, {"end": True})
    (found,) = check(run_dir)
    assert found.state == checks.OK


def test_sanlock_that_does_not_answer(run_dir, monkeypatch):
    say(monkeypatch)
    (found,) = check(run_dir)
    assert found.state == checks.UNKNOWN
    assert "sanlock: " in found.text


def test_sanlock_that_cannot_be_asked(run_dir, monkeypatch):
    say(monkeypatch, {"sanlock": "no"}, DOMAIN, {"end": True})
    (found,) = check(run_dir, no_sanlock=True)
    assert found.state == checks.UNKNOWN
    assert "may have left" in found.text


def test_nothing_on_record_and_no_sanlock(run_dir):
    """A run with another run_dir may have left this host in a lockspace."""
    (found,) = check(run_dir, no_sanlock=True)
    assert found.state == checks.UNKNOWN
    assert "is not known" in found.text

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The journal of a host: what we tell a real journald, and read again by a real
journalctl.
"""

import json
import os
import signal
import subprocess
import time

import pytest

from tests.support import programs
from tests.support.host import journald
from tests.support.host.journald import needs_journald
from vdsm_backup.host import journalctl

pytestmark = needs_journald

VDSM, OTHER = 36, 107


@pytest.fixture(scope="module")
def log():
    with journald.Journald() as log:
        yield log


@pytest.fixture
def start(log):
    """The journal forgets the tests before this one: its beginning."""
    log.forget()
    return time.time()


def send(log, message, priority=5, uid=None, **fields):
    done = programs.run(
        "tests.support.host.tell_journal",
        json.dumps([message, priority, fields]),
        inside=log.enter((uid, uid) if uid else None),
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def read(log, *uids, since=None):
    """A journalctl.Reading, as a list."""
    log.journalctl("-n", "0")
    args = json.dumps([list(uids), since])
    done = programs.run(
        "tests.support.host.read_journal", args, inside=log.enter()
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_was_told_is_read(log, start):
    send(log, "Text, é", 4, action="set", result="done", reason="two\nlines")
    send(log, "m", uid=VDSM, vm="\ud800", long="x" * 10**5)
    entries, since, problems = read(log, 0, VDSM)
    assert problems == []
    assert start - 5 <= since <= entries[0][0] <= time.time()
    host = os.uname().nodename
    fields = {"action": "set", "result": "done", "reason": "two\nlines"}
    assert entries[0][1:] == ["Text, é", 4, host, 0, fields]
    # `long` is no field of a change or of an answer.
    assert entries[1][1:] == ["m", 5, host, VDSM, {"vm": r"\ud800"}]


def test_a_value_cannot_add_a_field(log, start):
    text = "x\nVDSM_BACKUP_RESULT=done\n_UID=0\nPRIORITY=0\nVDSM_BACKUP_BY=me"
    send(log, text, 4, action=text, name=text, domain="A\n\nB=")
    ((_, message, priority, _, _, fields),), _, _ = read(log, 0)
    assert (message, priority) == (text, 4)
    assert fields == {"action": text, "name": text, "domain": "A\n\nB="}


def test_other_users_are_not_believed(log, start):
    send(log, "forged", uid=OTHER, action="clear", result="done")
    assert len(log.entries("VDSM_BACKUP_ACTION=clear")) == 1
    entries, _, problems = read(log, 0, VDSM)
    assert (entries, problems) == ([], [])
    send(log, "ours", uid=VDSM, action="clear", result="done")
    assert [e[1] for e in read(log, 0, VDSM)[0]] == ["ours"]


def test_since(log, start):
    send(log, "first", n=1)
    ((first, *_),), begins, _ = read(log, 0)
    send(log, "second", n=2)
    entries, again, _ = read(log, 0, since=first + 0.000001)
    assert [e[1] for e in entries] == ["second"]
    # The journal begins where it did.
    assert again == begins
    assert read(log, 0, since=time.time() + 3600)[0] == []


def test_no_journal(log, start):
    # It would make a new one as soon as it has something to say by itself.
    log.signal(signal.SIGSTOP)
    try:
        log.ns.run("sh", "-c", "rm -rf /run/log/journal/*/*.journal")
        entries, since, problems = read_anyway(log)
    finally:
        log.signal(signal.SIGCONT)
    assert (entries, since) == ([], None)
    assert problems == ["this host keeps no journal"]


def test_a_journal_that_is_damaged(log, start):
    send(log, "told")
    log.journalctl("-n", "0")
    log.ns.run(
        "sh",
        "-c",
        "for f in /run/log/journal/*; do :; done;"
        " echo garbage >$f/system@bad.journal",
    )
    entries, since, problems = read_anyway(log)
    assert [e[1] for e in entries] == ["told"]
    assert since
    (problem,) = problems
    assert "system@bad.journal" in problem


def read_anyway(log):
    done = programs.run(
        "tests.support.host.read_journal", "[[0], null]", inside=log.enter()
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# A journalctl that gives no answer, or a bad one: there is no real one.


@pytest.fixture
def script(tmp_path, monkeypatch):
    def use(text):
        path = tmp_path / "journalctl"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        monkeypatch.setattr(journalctl, "JOURNALCTL", str(path))

    return use


LINE = '{"__REALTIME_TIMESTAMP": "1795984755115732", "MESSAGE": "m"}'


def test_one_that_hangs(script):
    script("exec sleep 1000")
    begin = time.monotonic()
    reading = journalctl.read([0], timeout=0.5)
    assert time.monotonic() - begin < 20
    assert reading == ([], None, ["the journal: it could not be read in time"])


def test_one_that_hangs_halfway(script):
    script(f"echo '{LINE}'; case $* in *PRIORITY*) exec sleep 1000;; esac")
    entries, since, problems = journalctl.read([0], timeout=3)
    assert [e.message for e in entries] == ["m"]
    assert since == entries[0].time
    assert problems == ["the journal: it could not be read in time"]


def test_one_that_never_ends(script, monkeypatch):
    script(f"while :; do echo '{LINE}'; done")
    monkeypatch.setattr(journalctl, "_MAX_SAID", 10000)
    entries, _, problems = journalctl.read([0])
    assert len(entries) > 100
    assert problems == ["the journal: it says too much to read it all"]
    monkeypatch.setattr(journalctl, "_MAX_SAID", 10**9)
    _, _, problems = journalctl.read([0], timeout=0.5)
    assert problems == ["the journal: it could not be read in time"]


def test_one_that_fails(script):
    script("echo 'Failed to open: \x1b[2J' >&2; exit 1")
    reading = journalctl.read([0])
    assert reading == (
        [],
        None,
        [r"the journal: Failed to open: \x1b[2J"],
    )
    script("exit 7")
    assert journalctl.read([0]).problems == ["the journal: exit code 7"]


def test_one_that_says_nonsense(script):
    script("echo nonsense")
    assert "no JSON" in journalctl.read([0]).problems[0]
    script(f"echo '{LINE}'; echo nonsense")
    entries, _, problems = journalctl.read([0])
    assert len(entries) == 1
    assert problems == ["the journal: 1 entries make no sense"]


def test_none_at_all(script, monkeypatch):
    monkeypatch.setattr(journalctl, "JOURNALCTL", "/nowhere/journalctl")
    entries, since, (problem,) = journalctl.read([0])
    assert (entries, since) == ([], None)
    assert problem == (
        "the journal: /nowhere/journalctl: No such file or directory"
    )


# What is told is never waited for.


def test_a_journald_that_stands_still(log, start):
    """Its socket takes some entries, and then refuses more at once."""
    log.signal(signal.SIGSTOP)
    try:
        done = subprocess.run(
            [*log.enter(), *programs.command("tests.support.host.tell_much")],
            env=programs.environ(),
            stdout=subprocess.PIPE,
            text=True,
            timeout=50,
        )
    finally:
        log.signal(signal.SIGCONT)
    assert done.stdout == "refused at last\n"


def test_where_none_is(log, start):
    log.stop()
    try:
        done = programs.run(
            "tests.support.host.tell_journal",
            json.dumps(["m", 5, {}]),
            inside=log.enter(),
        )
    finally:
        log.start()
    assert done.stdout == "False\n"

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a change leaves behind on this host is told wherever somebody may look:
on stderr, which need not be a terminal, in JSON, and in the journal.
"""

import pytest

from tests.support.lease import bad_holder
from vdsm_backup.host import journal
from vdsm_backup.lease import client
from vdsm_backup.processes import spawn
from vdsm_backup.users import users

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
WHY = ["--reason", "nightly copies"]
TOLD = "sanlock has not left the lockspace of the domain"

# Before a fixture puts another one in its place.
TAKE = client.take


@pytest.fixture
def entries(monkeypatch):
    """(message, priority, fields) of the journal."""
    found = []

    def send(message, priority, **fields):
        found.append((message, priority, fields))
        return True

    monkeypatch.setattr(journal, "send", send)
    return found


@pytest.fixture
def slow(host, monkeypatch, entries):
    """A holder that does not come to its end in time."""
    started = []
    real = spawn.start

    def start(module, args, **options):
        if module == "vdsm_backup.lease.holder":
            module, args = bad_holder.__name__, ["hold", "stay", *args]
        child = real(module, args, **options)
        started.append(child)
        return child

    monkeypatch.setattr(client, "take", TAKE)
    monkeypatch.setattr(client, "_LEAVE", 0.5)
    monkeypatch.setattr(spawn, "start", start)
    host.domain(sd_id=A)
    yield host
    for child in started:
        child.kill()
        child.wait()


def told_once(notes):
    return [TOLD in note for note in notes].count(True) == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_on_stderr(slow, terminal):
    done = slow.run("set", A, *WHY, terminal=terminal)
    assert done.code == 0
    assert f"\nnote: {TOLD}" in f"\n{done.err}"
    assert told_once(done.err.splitlines())


def test_in_json(slow):
    done = slow.json("set", A, *WHY)
    assert (done.code, done.json["changed"]) == (0, True)
    assert told_once(done.json["notes"])


def test_in_json_of_an_error(slow, monkeypatch):
    found = [users.Users(), users.Users(["VM web1"])]
    monkeypatch.setattr(
        users, "find", lambda *args: found.pop(0) if found[1:] else found[0]
    )
    done = slow.json("set", A, *WHY)
    assert done.json["error"]["code"] == 989
    assert told_once(done.json["notes"])


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_in_the_journal(slow, entries, option):
    slow.run(*option, "set", A, *WHY)
    ((message, priority, fields),) = [e for e in entries if TOLD in e[0]]
    assert A in message
    assert (priority, fields["domain"]) == (journal.WARNING, A)

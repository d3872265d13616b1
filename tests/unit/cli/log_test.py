# SPDX-License-Identifier: GPL-2.0-or-later
"""log, with entries of the journal that the test makes up."""

import socket
import time

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from vdsm_backup.change.history import History
from vdsm_backup.host import journalctl
from vdsm_backup.host.journal_entries import Entry
from vdsm_backup.metadata import lines as md_lines

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
VM = "7c19a8d2-5f6c-4b1c-a3d2-0c6f8ac43e25"
EVIL = "a\x1b[2J\n\u202eb"
BEGIN = 1795984700.25


class Journal:
    """In place of journalctl.read()."""

    def __init__(self):
        self.entries = []
        self.begins = BEGIN
        self.problems = []
        self.asked = []

    def read(self, uids, since=None):
        self.asked.append((sorted(uids), since))
        return journalctl.Reading(self.entries, self.begins, self.problems)

    def add(self, at=None, message="m", **fields):
        at = time.time() if at is None else BEGIN + at
        self.entries.append(Entry(at, message, 5, "host1", 0, fields))

    def changed(self, at=None, **more):
        self.add(at, **{**CHANGE, **more})

    def answered(self, at=None, **more):
        self.add(at, **{**ANSWER, **more})


CHANGE = {
    "action": "set",
    "result": "done",
    "domain": A,
    "name": "data1",
    "before": "False",
    "after": "True",
    "reason": "why",
    "by": "root@host1",
    "host_id": "7",
}
ANSWER = {
    "answer": "refused",
    "operation": "run",
    "domain": A,
    "vm": "VM web1",
    "vm_id": VM,
    "code": "994",
}


@pytest.fixture
def journal(monkeypatch):
    journal = Journal()
    monkeypatch.setattr(journalctl, "read", journal.read)
    return journal


def keep(host, sd_id=A, action="set", result="done", **values):
    """A record of the history, of a change that has ended."""
    lines = md_lines.flush(filedomain.metadata(sd_id, **values))
    kept = History(host.history)
    copy = kept.keep(
        MemoryStorage(sd_id, []), lines, "root@host1", action, "why", "command"
    )
    if result != "unknown":
        kept.conclude(copy, result, True, None)
    return copy


def logged(host, *args, code=0):
    done = host.json("log", *args)
    assert done.code == code
    assert set(done.json) == {"schema", "entries", "since", "notes"}
    for entry in done.json["entries"]:
        assert set(entry) == commandline.LOGGED
    return done.json["entries"]


def test_a_change(host, journal):
    journal.changed(0, message="set done: x", code="9", copy="3")
    assert logged(host) == [
        {
            "time": "2026-11-29T20:38:20Z",
            "action": "set",
            "result": "done",
            "domain": A,
            "name": "data1",
            "vm": None,
            "vm_id": None,
            "operation": None,
            "before": False,
            "after": True,
            "reason": "why",
            "by": "root@host1",
            "host": "host1",
            "host_id": 7,
            "code": 9,
            "message": "set done: x",
        }
    ]


def test_an_answer(host, journal):
    journal.answered(0, message="Refused: x")
    (entry,) = logged(host)
    assert {k: v for k, v in entry.items() if v is not None} == {
        "time": "2026-11-29T20:38:20Z",
        "result": "refused",
        "domain": A,
        "vm": "web1",
        "vm_id": VM,
        "operation": "run",
        "host": "host1",
        "code": 994,
        "message": "Refused: x",
    }


def test_what_is_neither(host, journal):
    journal.add(domain=A, hint="master")
    # In a session of libvirt.
    journal.add(answer="allowed", operation="run", vm="VM x")
    assert logged(host) == []


def test_what_the_guard_lets_go_on(host, journal):
    journal.answered(answer="allowed")
    assert [e["result"] for e in logged(host)] == ["allowed"]
    assert logged(host, "--refused") == []


def test_in_the_order_of_time(host, journal):
    copy = keep(host, B, DESCRIPTION="data2")
    journal.answered(0)
    journal.changed(10**8)
    found = logged(host)
    assert [e["domain"] for e in found] == [A, B, A]
    assert found[1]["time"] == copy.time


def test_a_change_that_only_the_history_knows(host, journal):
    copy = keep(host, result="undone", BACKUP="True", DESCRIPTION="data1")
    (entry,) = logged(host)
    assert entry == {
        **dict.fromkeys(commandline.LOGGED),
        "time": copy.time,
        "action": "set",
        "result": "undone",
        "domain": A,
        "name": "data1",
        "before": True,
        "after": True,
        "reason": "why",
        "by": "root@host1",
        "host": socket.gethostname(),
        "message": "set undone (copy 1)",
    }


def test_one_that_was_killed(host, journal):
    keep(host, result="unknown")
    (entry,) = logged(host)
    assert (entry["result"], entry["after"]) == ("unknown", None)
    assert "nobody has recorded how it ended" in entry["message"]


def test_no_doubles(host, journal):
    keep(host)
    keep(host, action="clear")
    keep(host, B)
    journal.changed(copy="1")
    found = [(e["domain"], e["action"]) for e in logged(host)]
    assert sorted(found) == [(A, "clear"), (A, "set"), (B, "set")]
    journal.changed(copy="2", action="clear")
    journal.changed(copy="1", domain=B)
    assert len(logged(host)) == 3


@pytest.mark.parametrize(
    "other",
    [{"copy": "2"}, {"copy": "x"}, {"action": "clear"}, {"domain": B}],
)
def test_entries_of_other_changes_hide_no_copy(host, journal, other):
    keep(host)
    journal.changed(**{"copy": "1", **other})
    assert len(logged(host)) == 2


def test_an_entry_of_an_earlier_history_hides_no_copy(host, journal):
    keep(host)
    journal.entries.clear()
    journal.add(0, **CHANGE, copy="1")
    journal.entries[0] = journal.entries[0]._replace(
        time=time.time() - 2 * 24 * 3600
    )
    assert len(logged(host)) == 2


def test_since(host, journal):
    keep(host)
    journal.changed()
    assert len(logged(host, "--since", "1h")) == 2
    (uids, since), *_ = journal.asked
    assert 0 in uids
    assert abs(time.time() - 3600 - since) < 60
    assert logged(host, "--since", "2126-11-22") == []
    assert len(logged(host, "--since", "2026-01-01T10:00:00Z")) == 2
    assert journal.asked[-1][1] == 1767261600.0


@pytest.mark.parametrize(
    "text", ["", "x", "2h3", "0h", "-2h", "2026-13-01", "9" * 30, "1w"]
)
def test_a_since_that_makes_no_sense(host, journal, text):
    assert host.json("log", f"--since={text}").code == 2


def test_of_a_vm(host, journal):
    keep(host)
    journal.answered(0)
    journal.answered(1, vm_id=VM.replace("7", "8"))
    journal.add(2, action="permit", result="done", vm=f"VM {VM}", vm_id=VM)
    found = logged(host, "--vm", VM.upper())
    assert [e["action"] for e in found] == [None, "permit"]
    assert found[1]["vm"] is None
    assert [e["vm"] for e in logged(host, "--vm", VM, "--refused")] == ["web1"]


def test_refused(host, journal):
    journal.answered(0)
    journal.changed(1)
    journal.changed(2, result="refused")
    found = logged(host, "--refused")
    assert [(e["operation"], e["action"]) for e in found] == [
        ("run", None),
        (None, "set"),
    ]


@pytest.mark.parametrize("sd", [A, A.upper(), A[:8], "data1"])
def test_of_a_domain(host, journal, sd):
    """None is looked for on storage."""
    journal.changed(0)
    journal.answered(1)
    journal.changed(2, domain=B, name="data2")
    keep(host, B, DESCRIPTION="data2")
    found = logged(host, sd)
    assert [e["domain"] for e in found] == [A, A]
    done = host.run("log", sd)
    assert (f"note: {sd} is storage domain {A}\n" in done.err) == (
        sd.lower() != A
    )


def test_of_a_domain_that_only_storage_knows(host, journal):
    keep(host)
    host.domain(sd_id=A, name="newname")
    assert [e["domain"] for e in logged(host, "newname")] == [A]
    assert host.json("log", "nowhere").error == 956


def test_a_name_that_two_domains_had(host, journal):
    journal.changed(0)
    journal.changed(1, domain=B)
    done = host.json("log", "data1")
    assert done.error == 957
    (hint,) = done.json["error"]["hints"]
    _, _, commands = hint.partition("look at each: ")
    assert commands.split("; ") == [
        f"vdsm-backup-domain log {sd_id}" for sd_id in sorted((A, B))
    ]
    assert len(logged(host, B)) == 1


def test_a_domain_that_was_not_found_then(host, journal):
    fields = {**CHANGE, "result": "failed", "name": "typo"}
    del fields["domain"]
    journal.add(**fields)
    assert [e["name"] for e in logged(host, "typo")] == ["typo"]


def test_for_people(host, journal):
    journal.changed(0)
    journal.changed(1, action="clear", result="failed", code="970")
    journal.answered(2, message="Refused: VM web1 cannot start")
    done = host.run("log")
    titles, *lines = done.out.splitlines()
    assert titles.split() == "TIME WHAT RESULT DOMAIN VM TEXT".split()
    assert (
        lines[0].split()
        == (
            f"2026-11-29T20:38:20Z set done data1 ({A}) - by root@host1: why"
        ).split()
    )
    assert lines[1].endswith("by root@host1: why (error 970)")
    assert f" web1 ({VM})  Refused: VM web1 cannot start" in lines[2]
    assert done.err == (
        "note: the journal of this host reaches back to 2026-11-29T20:38:20Z\n"
    )
    assert done.code == 0


def test_from_when_the_journal_reaches_where_that_matters(host, journal):
    journal.changed()
    note = "note: the journal of this host reaches back to "
    assert note in host.run("log").err
    assert note in host.run("log", "--since", "2020-01-01").err
    journal.begins = time.time() - 7200
    assert host.run("log", "--since", "1h").err == ""
    assert host.json("log", "--since", "1h").json["since"]


def test_on_a_terminal(host, journal):
    journal.changed(0, name="n" * 200, reason="r" * 200)
    journal.answered(1, message="m" * 200)
    lines = host.run("log", terminal=True).out.splitlines()
    assert max(map(len, lines)) <= 80
    assert f" {A[:8]} " in lines[2]


def test_nothing(host, journal):
    journal.begins = None
    journal.problems = ["this host keeps no journal"]
    assert logged(host, code=3) == []
    done = host.run("log")
    assert done.out.startswith("Nothing is known")
    assert (done.code, done.err) == (3, "note: this host keeps no journal\n")
    journal.begins, journal.problems = BEGIN, []
    assert host.run("log").code == 0


def test_a_part_that_cannot_be_read(host, journal):
    keep(host)
    keep(host, B)
    with open(f"{host.history}/{B}/000001.json", "w") as f:
        f.write("{")
    assert len(logged(host, code=3)) == 1
    (note,) = host.json("log").json["notes"]
    assert "000001.json" in note
    assert host.run("log").code == 3


def test_harmless(host, journal):
    evil = dict.fromkeys(["name", "reason", "by", "action", "result"], EVIL)
    journal.changed(0, **evil)
    journal.answered(1, vm=EVIL, vm_id=EVIL, operation=EVIL, message=EVIL)
    done = host.run("log")
    assert len(done.out.splitlines()) == 3
    assert commandline.hidden(done.out) == []
    assert [e["name"] for e in logged(host)] == [EVIL, None]

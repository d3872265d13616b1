# SPDX-License-Identifier: GPL-2.0-or-later
"""Entries of the journal that a test makes up, and what `log` tells."""

import time

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

# SPDX-License-Identifier: GPL-2.0-or-later
"""The world that a change meets, in memory: its tools, and their order."""

import contextlib

from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from vdsm_backup.change import change, history
from vdsm_backup.change.change import Request
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users.users import Users

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
NOBODY = Users([], [], ["libvirt: not looked at"])
SET = Request("set", reason="why it is")
CLEAR = Request("clear", reason="done with it")


class World:
    """The tools of a change; tells in which order they were used."""

    def __init__(self, directory):
        self.log = []
        self.users = [NOBODY]
        self.under_lease = lambda storage: None
        self.lease_error = None
        self.write_error = {}
        self.held = False
        self.vdsm = False
        self.hosted_engine = None
        self.history = history.History(str(directory))

    def tools(self):
        return change.Tools(
            take_lease=self._take_lease,
            write=self._write,
            users=self._users,
            history=self.history,
            who="admin@host1",
            is_hosted_engine=lambda sd_id: sd_id == self.hosted_engine,
            vdsm_runs=lambda: self.vdsm,
            may_write=change.require_may_write,
            settle=0,
            progress=lambda text: None,
        )

    @contextlib.contextmanager
    def _take_lease(self, storage, paths, values):
        self.log.append(("lease", change.geometry(values, storage.sd_id)))
        if self.lease_error:
            raise self.lease_error
        self.held = True
        self.under_lease(storage)
        yield
        self.held = False
        self.log.append("release")

    def _write(self, storage, old, new, held):
        assert self.held
        self.log.append("write")
        writes = self.log.count("write")
        storage.write(old, new, lambda step: None)
        if writes in self.write_error:
            raise self.write_error[writes]

    def _users(self, storage):
        self.log.append("users")
        return self.users.pop(0) if len(self.users) > 1 else self.users[0]


def make(**overrides):
    values = filedomain.metadata(SD, **overrides)
    return MemoryStorage(SD, md_lines.flush(values))


def other_wins(value, **overrides):
    """What somebody else does to a domain."""

    def play(storage):
        values = md_lines.parse(storage.lines).values
        values = {**flag.apply(values, flag.Flag(value)), **overrides}
        storage.lines = md_lines.flush(values)

    return play

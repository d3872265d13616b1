# SPDX-License-Identifier: GPL-2.0-or-later
"""
The world that a change meets, in memory; it tells in which order a change
used it.
"""

import contextlib

from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from vdsm_backup import errors
from vdsm_backup.change import change, history, reseal, restore
from vdsm_backup.change.attempt import COMMAND, Attempt
from vdsm_backup.change.request import Request
from vdsm_backup.metadata import domain, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users.users import Users

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
NOBODY = Users([], [], ["libvirt: not looked at"])
SET = Request("set", reason="why it is")
CLEAR = Request("clear", reason="done with it")
RESTORE = Request("restore")
RESEAL = Request("reseal", reason="edited by hand")


class World:
    """
    The worlds of some domains. What tests set here holds for all of them.

    log: what changes have used, in order. active: UUIDs of the domains that
    VDSM of this host has active.
    """

    def __init__(self, directory):
        self.log = []
        self.users = [NOBODY]
        self.under_lease = lambda storage: None
        self.lease_error = None
        self.write_error = {}
        self.held = False
        self.vdsm = ""
        self.active = []
        self.hosted_engine = None
        self.history = history.History(str(directory))

    def of(self, storage, **attributes):
        """The change.world.World of one domain, with other attributes."""
        world = _WorldOfDomain(self, storage)
        for name, value in attributes.items():
            assert hasattr(world, name)
            setattr(world, name, value)
        return world

    def change(self, storage, request, **attributes):
        world = self._asked(storage, request, **attributes)
        return change.change(storage, request, world)

    def reseal(self, storage, request=RESEAL):
        world = self._asked(storage, request)
        return reseal.reseal(storage, request, world)

    def restore(self, storage, copy, request=RESTORE, chosen=True):
        world = self._asked(storage, request)
        return restore.restore(storage, copy, request, world, chosen)

    def _asked(self, storage, request, **attributes):
        world = self.of(storage, **attributes)
        world.attempt.action = request.action
        world.attempt.reason = request.reason
        return world


class _WorldOfDomain:
    settle = 0

    def __init__(self, world, storage):
        self._world = world
        self._storage = storage
        self.history = world.history
        self.attempt = Attempt("set", SET.reason, "admin@host1", COMMAND)
        self.attempt.sd_id = storage.sd_id

    @contextlib.contextmanager
    def lease(self, values):
        world, sd_id = self._world, self._storage.sd_id
        world.log.append(("lease", domain.geometry(values, sd_id)))
        if world.lease_error:
            raise world.lease_error
        world.held = True
        world.under_lease(self._storage)
        yield self
        world.held = False
        world.log.append("release")

    def lease_of_inactive(self, values):
        self._world.log.append("inactive")
        return self.lease(values)

    def require_inactive(self, values):
        world = self._world
        if self._storage.sd_id in world.active:
            raise errors.HostsLive(self._storage.sd_id, "this host", "")
        return ()

    def write(self, old, new):
        world = self._world
        assert world.held
        world.log.append("write")
        writes = world.log.count("write")
        merged = self._storage.write(old, new, lambda step: None)
        if writes in world.write_error:
            raise world.write_error[writes]
        return merged or new

    def users(self):
        world = self._world
        world.log.append("users")
        return world.users.pop(0) if len(world.users) > 1 else world.users[0]

    def is_hosted_engine(self):
        return self._storage.sd_id == self._world.hosted_engine

    def why_vdsm_runs(self):
        return self._world.vdsm

    def require_may_write(self, pool, request):
        sd_id = self._storage.sd_id
        change.require_may_write(sd_id, pool, request, self.why_vdsm_runs)

    def progress(self, text):
        pass


def make(**overrides):
    values = filedomain.metadata(SD, **overrides)
    return MemoryStorage(SD, md_lines.flush(values))


def read_flag(storage):
    return change.checked(storage).flag


def kept(world, storage):
    """The copy that is kept before the flag is set."""
    world.change(storage, SET)
    world.log.clear()
    return world.history.get(SD, 1)


def other_wins(value, **overrides):
    """What somebody else does to a domain."""

    def play(storage):
        values = md_lines.parse(storage.lines).values
        values = {**flag.apply(values, flag.Flag(value)), **overrides}
        storage.lines = md_lines.flush(values)

    return play


def vdsm_writes_too(storage):
    """From now on each write merges a key of VDSM's."""
    write = storage.write

    def write_merged(old, new, step):
        merged = md_lines.flush({**md_lines.parse(new).values, "KEY": "x"})
        write(old, merged, step)
        return merged

    storage.write = write_merged

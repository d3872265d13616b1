# SPDX-License-Identifier: GPL-2.0-or-later
"""VDSM as one that changes a flag for us, and what asks it."""


import pytest

from tests.support import world
from vdsm_backup import errors
from vdsm_backup.change import through_vdsm
from vdsm_backup.host.vdsm_client import (
    Plugin,
    Spm,
)
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines


class Vdsm:
    """
    In place of vdsm_client.Vdsm: it changes the storage as VDSM would, and
    fails where it is told to.
    """

    def __init__(self, storage):
        self._storage = storage
        self.fails = {}
        self.spm_is = Spm(True, 1)
        self.has = Plugin(takes_by=True)
        self.asked = []
        self.closed = False

    def __enter__(self):
        self._at("connect")
        return self

    def __exit__(self, *_):
        self.closed = True

    def plugin(self):
        self._at("get")
        return self.has

    def spm(self, pool):
        assert pool == world.POOL
        self._at("spm")
        return self.spm_is

    def set_backup(self, sd_id, value, reason, expected, by):
        self._at("set")
        self.asked.append((sd_id, value, reason, expected, by))
        values = md_lines.parse(self._storage.lines).values
        new = flag.Flag(value, reason, by or "api@host")
        self._storage.lines = md_lines.flush(flag.apply(values, new))
        return {"changed": True, "notes": ["not seen: \x1b"]}

    def _at(self, step):
        if step in self.fails:
            raise self.fails[step]


def change(storage, ours, vdsm, request=world.SET, by="", **more):
    request = request._replace(**more)
    asking = ours.of(storage)
    # --by, as the command line has it.
    asking.attempt.by = by or asking.attempt.by
    return through_vdsm.change_flag(storage, request, asking, vdsm, by=by)


def refused(storage, ours, vdsm, error=errors.DomainAttached, **more):
    before = list(storage.lines)
    with pytest.raises(error) as e:
        change(storage, ours, vdsm, **more)
    assert storage.lines == before
    return str(e.value)

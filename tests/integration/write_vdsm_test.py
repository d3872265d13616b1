# SPDX-License-Identifier: GPL-2.0-or-later
"""
The writer process on file domains, which VDSM writes meanwhile without a
lease. overlap_file_test.py has all the rest of it.
"""

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.storage import filedomain
from tests.support.storage.filewriting import BEFORE_CONFIRM, STEPS
from tests.support.storage.overlapping import KINDS, FileVdsm, assert_merged
from tests.support.storage.writerfixtures import Domain, meanwhile
from vdsm_backup import errors
from vdsm_backup.change.world import Unsettled

pytest_plugins = ["tests.support.storage.writerfixtures"]


class Vdsm(FileVdsm):
    """It writes once, and had read the domain before."""

    def __init__(self, domain, mount=None):
        path = filedomain.path(mount or domain.mount, domain.sd_id)
        super().__init__(path, KINDS["pool creation"])
        self.refresh()

    def write(self):
        if not self.written:
            self.begin()
            self.end()


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_vdsm_writes_before_the_last_look(mount, backend, held, step):
    """The change starts again, with a writer of its own."""
    domain = Domain(mount, backend)
    vdsm, steps = Vdsm(domain), []

    def on_step(name):
        steps.append(name)
        if name == step:
            vdsm.write()

    written = domain.write(held, on_step)
    assert steps[-len(STEPS) :] == STEPS and len(steps) > len(STEPS)
    assert domain.read() == written
    assert_merged(domain.sd_id, written, domain.new, vdsm.changes)


def writing_after_the_rename(vdsm, hang, then=lambda: None):
    """VDSM writes when we have renamed, and something else happens then."""

    def write_when_stuck():
        hang.wait_stuck("fsyncdir")
        vdsm.write()
        then()
        hang.clear()

    hang.hang("fsyncdir")
    return meanwhile(write_when_stuck)


@needs_fuse
def test_vdsm_writes_after_the_rename(hang, backend, held):
    domain = Domain(hang.mount, backend)
    vdsm = Vdsm(domain, hang.root)
    with writing_after_the_rename(vdsm, hang):
        written = domain.write(held)
    assert vdsm.written
    assert domain.read() == written
    assert_merged(domain.sd_id, written, domain.new, vdsm.changes)


@needs_fuse
def test_lease_lost_when_vdsm_has_written(hang, backend, held):
    """Then VDSM's metadata stays as it is."""
    domain = Domain(hang.mount, backend)
    vdsm = Vdsm(domain, hang.root)

    def lose():
        held.lost = True

    with writing_after_the_rename(vdsm, hang, lose):
        with pytest.raises(Unsettled):
            domain.write(held)
    assert domain.read() == vdsm.written


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_lease_lost_while_both_are_merged(mount, backend, held, step):
    domain = Domain(mount, backend)
    vdsm = Vdsm(domain)

    def on_step(name):
        if vdsm.written and name == step:
            held.lost = True
        elif name == "compare":
            vdsm.write()

    with pytest.raises(errors.LeaseLost):
        domain.write(held, on_step)
    assert domain.read() == vdsm.written

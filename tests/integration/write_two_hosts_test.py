# SPDX-License-Identifier: GPL-2.0-or-later
"""The writer process on file domains, which another host changes meanwhile."""

import os
import signal

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.processes import proc
from tests.support.storage.filewriting import BEFORE_CONFIRM, at
from tests.support.storage.writerfixtures import WORKERS, Domain, meanwhile
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.change.world import Unsettled

pytest_plugins = ["tests.support.storage.writerfixtures"]


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_frozen_while_another_host_changes_it(mount, backend, held, step):
    """The lease is no help: it has expired, and nobody was told."""
    domain = Domain(mount, backend)
    theirs = domain.flagged("False")
    before = proc.children(os.getpid())

    def freeze():
        found = proc.find(os.getpid(), "vdsm_backup.change.writer", *WORKERS)
        frozen = set(found) - set(before)
        assert frozen
        try:
            proc.stop(frozen)
            domain.open().write(domain.old, theirs, lambda step: None)
        finally:
            proc.kill(frozen, signal.SIGCONT)

    failures = (errors.WriteFailed, errors.MetadataChanged, Unsettled)
    with pytest.raises(failures) as e:
        domain.write(held, at(step, freeze))
    if isinstance(e.value, Unsettled):
        assert e.value.ended and e.value.failed
    held.release()
    wait_until(held.ended)
    assert domain.read() == theirs


@needs_fuse
def test_rename_that_is_on_its_way_while_another_host_changes_it(
    hang, backend, held
):
    domain = Domain(hang.mount, backend)
    theirs = domain.flagged("False")
    other = domain.past(hang)

    def thaw():
        hang.clear()
        wait_until(lambda: not hang.stuck("rename"))

    def change():
        hang.wait_stuck("rename")
        # Just when the other one has renamed, too.
        other.open().write(domain.old, theirs, at("confirm", thaw))

    hang.hang("rename")
    with meanwhile(change), pytest.raises(Unsettled):
        domain.write(held)
    held.release()
    wait_until(held.ended)
    assert other.read() == theirs


@needs_fuse
def test_stuck_old_writer_cannot_change_what_a_newer_one_wrote(
    hang, backend, held
):
    domain = Domain(hang.mount, backend)
    hang.hang("write", "metadata.new")
    with pytest.raises(errors.StorageTimeout):
        domain.write(held)
    newer = domain.flagged("False")
    other = domain.past(hang)
    other.open().write(domain.old, newer, lambda step: None)
    hang.clear()
    held.release()
    wait_until(held.ended)
    assert domain.read() == newer

# SPDX-License-Identifier: GPL-2.0-or-later
"""The writer process on file domains whose storage hangs, or fails."""

import errno
import os
import time

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.storage.writerfixtures import Domain
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.change.world import Unsettled

pytest_plugins = ["tests.support.storage.writerfixtures"]


def assert_held_until_cleared(held, hang):
    """By the process that is stuck; nobody else has it."""
    held.release()
    time.sleep(1)
    assert not held.ended()
    hang.clear()
    wait_until(held.ended)


@needs_fuse
def test_lease_lives_as_long_as_a_stuck_write(hang, backend, held):
    domain = Domain(hang.mount, backend)
    hang.hang("rename")
    with pytest.raises(Unsettled) as e:
        domain.write(held)
    assert not e.value.ended
    assert_held_until_cleared(held, hang)
    assert domain.read() == domain.new


@needs_fuse
@pytest.mark.parametrize("op", ["write", "fsync"])
def test_lease_lives_as_long_as_a_stuck_preparation(hang, backend, held, op):
    domain = Domain(hang.mount, backend)
    hang.hang(op, "metadata.new")
    with pytest.raises(errors.StorageTimeout):
        domain.write(held)
    assert_held_until_cleared(held, hang)
    assert domain.read() == domain.old


@needs_fuse
@pytest.mark.parametrize("code", [errno.ESTALE, errno.ENOSPC, errno.EROFS])
def test_rename_that_is_refused_has_ended(hang, backend, held, code):
    domain = Domain(hang.mount, backend)
    hang.fail("rename", code)
    with pytest.raises(Unsettled) as e:
        domain.write(held)
    assert e.value.ended and e.value.failed
    assert str(e.value.cause) == os.strerror(code)


@needs_fuse
@pytest.mark.parametrize("code", [errno.EIO, errno.ETIMEDOUT])
def test_rename_that_fails_may_still_come(hang, backend, held, code):
    domain = Domain(hang.mount, backend)
    hang.fail("rename", code)
    with pytest.raises(Unsettled) as e:
        domain.write(held)
    assert not e.value.ended
    assert os.strerror(code) in str(e.value.cause)


@needs_fuse
def test_fsync_of_the_directory_that_fails(hang, backend, held):
    """The rename has come back, and somebody is told."""
    domain = Domain(hang.mount, backend)
    hang.fail("fsyncdir", errno.EIO)
    with pytest.raises(Unsettled) as e:
        domain.write(held)
    assert e.value.ended and not e.value.failed
    assert e.value.cause.startswith("confirming the new metadata failed: ")
    assert domain.read() == domain.new

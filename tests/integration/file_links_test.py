# SPDX-License-Identifier: GPL-2.0-or-later
"""
Writing a file domain where hard links fail, hang, or find a file of VDSM's.
"""

import os

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.storage import filedomain
from tests.support.storage.filewriting import (
    flagged_lines,
    leave,
    no_steps,
    storage_on,
    temporaries,
)
from tests.support.waiting import RUNS_OUT
from vdsm_backup import errors


@needs_fuse
def test_without_links(hang, backend):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    hang.fail("link", 1)  # EPERM
    old, new = storage.read(), flagged_lines(sd_id, "x")
    storage.write(old, new, no_steps)
    assert storage.read() == new
    assert temporaries(hang.root, sd_id) == []


@needs_fuse
def test_link_that_hangs_is_no_change(hang, backend):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id, timeout=RUNS_OUT)
    old = storage.read()
    hang.hang("link")
    with pytest.raises(
        errors.WriteFailed, match="keeping the old metadata file failed"
    ):
        storage.write(old, flagged_lines(sd_id, "x"), no_steps)
    hang.clear()
    assert storage_on(hang.root, backend, sd_id).read() == old


@pytest.mark.parametrize("number", [0, 1])
def test_vdsms_file_of_long_ago(mount, sd_id, backend, number):
    """Left by a VDSM that was killed, or it is at work and not so far."""
    path = leave(mount, sd_id, "metadata.new", "VERSION=5" * number)
    storage = storage_on(mount, backend, sd_id)
    new = flagged_lines(sd_id, "x")
    storage.write(storage.read(), new, no_steps)
    assert storage.read() == new
    assert temporaries(mount, sd_id) == ["metadata.new"]
    assert os.stat(path).st_nlink == 1

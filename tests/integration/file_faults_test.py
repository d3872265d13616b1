# SPDX-License-Identifier: GPL-2.0-or-later
"""File domains on a file system that hangs, fails or lies."""

import errno
import os
import threading
import time

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.storage import filedomain
from tests.support.storage.filewriting import (
    dom_md,
    flagged_lines,
    no_steps,
    storage_on,
    temporaries,
)
from tests.support.waiting import RUNS_OUT
from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.metadata import lines as md_lines


@needs_fuse
def test_the_directory_is_listed_before_each_read(hang, backend):
    # Without it NFS clients see the old file; what we can see here is that
    # a read cannot pass a directory that cannot be listed.
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id, timeout=RUNS_OUT)
    storage.read()
    hang.hang("readdir")
    with pytest.raises(errors.StorageTimeout):
        storage.read()


@needs_fuse
@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES])
def test_read_error(hang, backend, code):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    hang.fail("read", code)
    with pytest.raises(errors.MetadataUnreadable) as e:
        storage.read()
    assert os.strerror(code) in str(e.value)


@needs_fuse
def test_stale_for_a_moment_is_waited_for(hang, backend):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    hang.fail("open", errno.ESTALE, "metadata")
    timer = threading.Timer(0.5, hang.clear)
    timer.start()
    try:
        assert md_lines.parse(storage.read()).seal == "valid"
    finally:
        timer.join()


# Which operation of the file system belongs to which step.
BEFORE_COMMIT = [
    ("readdir", ""),
    ("create", "metadata.new"),
    ("write", "metadata.new"),
    ("fsync", "metadata.new"),
    ("chmod", "metadata.new"),
]
CODES = [errno.EIO, errno.ENOSPC, errno.ESTALE, errno.EDQUOT, errno.EROFS]


@needs_fuse
@pytest.mark.parametrize("op, name", BEFORE_COMMIT)
@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_fault_before_the_rename(hang, backend, op, name, code):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    before = storage.read()
    hang.fail(op, code, name)
    steps = []
    with pytest.raises(errors.Error) as e:
        storage.write(before, flagged_lines(sd_id), steps.append)
    hang.clear()
    assert "commit" not in steps
    assert not isinstance(e.value, errors.OutcomeUnknown)
    assert storage_on(hang.mount, backend, sd_id).read() == before


@needs_fuse
@pytest.mark.parametrize("op, name", BEFORE_COMMIT)
def test_hang_before_the_rename(hang, backend, op, name):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id, timeout=RUNS_OUT)
    before = storage.read()
    hang.hang(op, name)
    steps = []
    with pytest.raises(errors.StorageTimeout):
        storage.write(before, flagged_lines(sd_id), steps.append)
    assert "commit" not in steps
    hang.clear()
    # What hung goes on now, and must not change what others read.
    time.sleep(0.5)
    assert storage_on(hang.mount, backend, sd_id).read() == before


@needs_fuse
@pytest.mark.parametrize("at", ["compare", "check"])
def test_hang_while_metadata_that_is_gone_is_restored(hang, backend, at):
    sd_id = filedomain.make(hang.mount)
    path = filedomain.path(hang.root, sd_id)
    os.unlink(path)
    storage = storage_on(hang.mount, backend, sd_id, timeout=RUNS_OUT)

    def stop(step):
        if step == at:
            hang.hang("readdir")

    with pytest.raises((errors.StorageTimeout, errors.WriteFailed)):
        storage.write(None, flagged_lines(sd_id), stop)
    hang.clear()
    assert not os.path.exists(path)


@needs_fuse
@pytest.mark.parametrize("code", CODES[1:], ids=errno.errorcode.get)
def test_rename_that_is_refused(hang, backend, code):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    before = storage.read()
    hang.fail("rename", code)
    with pytest.raises(errors.WriteFailed) as e:
        storage.write(before, flagged_lines(sd_id), no_steps)
    assert os.strerror(code) in str(e.value)
    hang.clear()
    assert storage_on(hang.mount, backend, sd_id).read() == before


def at_rename(mocker, act, hang=None):
    """
    Let the server act before it answers the rename. Returns a list that has
    our file by then, where it is stored.
    """
    rename = fileio.FileIO.rename
    ours = []

    def acting(self, old, new):
        if hang:
            ours.append(old.replace(hang.mount, hang.root, 1))
        act()
        rename(self, old, new)

    mocker.patch.object(fileio.FileIO, "rename", acting)
    return ours


# Of these, NFS cannot say whether the server will still carry out what was
# asked: a request has timed out, or its answer was lost.
UNCLEAR = [errno.EIO, errno.ETIMEDOUT, errno.EREMOTEIO, errno.ENOTCONN]


@needs_fuse
@pytest.mark.parametrize("code", UNCLEAR, ids=errno.errorcode.get)
def test_rename_that_fails_and_is_carried_out_later(hang, backend, code):
    """It finds no file then, and the answer does not say what will be."""
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    before = storage.read()
    directory = dom_md(hang.root, sd_id)
    ours = []

    def note_our_file(step):
        if step == "commit":
            ours.extend(temporaries(hang.root, sd_id))

    hang.fail("rename", code)
    with pytest.raises(errors.OutcomeUnknown) as e:
        storage.write(before, flagged_lines(sd_id), note_our_file)
    assert os.strerror(code) in str(e.value)
    (name,) = ours
    with pytest.raises(FileNotFoundError):
        os.rename(
            os.path.join(directory, name), os.path.join(directory, "metadata")
        )
    hang.clear()
    assert storage_on(hang.mount, backend, sd_id).read() == before


@needs_fuse
@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_rename_that_is_carried_out_by_half(hang, backend, code, mocker):
    """
    As on NFS, where a client first renames the live file away that it has
    open. Then ours is all that is left, and is not removed.
    """
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    new = flagged_lines(sd_id)
    directory = dom_md(hang.root, sd_id)
    live = os.path.join(directory, "metadata")

    def first_half():
        os.rename(live, os.path.join(directory, ".nfs0001"))

    at_rename(mocker, first_half)
    hang.fail("rename", code)
    with pytest.raises((errors.OutcomeUnknown, errors.WriteFailed)):
        storage.write(storage.read(), new, no_steps)
    hang.clear()
    (name,) = temporaries(hang.root, sd_id)
    os.rename(os.path.join(directory, name), live)
    assert storage_on(hang.mount, backend, sd_id).read() == new


@needs_fuse
@pytest.mark.parametrize("code", [*UNCLEAR, errno.ESTALE])
def test_rename_that_is_carried_out_and_fails(hang, backend, code, mocker):
    """The live file is never taken away."""
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    new = flagged_lines(sd_id)
    directory = dom_md(hang.root, sd_id)

    def carry_out():
        os.rename(ours[0], os.path.join(directory, "metadata"))

    ours = at_rename(mocker, carry_out, hang)
    hang.fail("rename", code)
    with pytest.raises((errors.OutcomeUnknown, errors.WriteFailed)):
        storage.write(storage.read(), new, no_steps)
    hang.clear()
    assert storage_on(hang.mount, backend, sd_id).read() == new


@needs_fuse
def test_fault_after_the_rename_is_an_error_with_the_new_in_place(
    hang, backend
):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    new = flagged_lines(sd_id)
    hang.fail("fsyncdir", errno.EIO)
    with pytest.raises(errors.WriteFailed) as e:
        storage.write(storage.read(), new, no_steps)
    assert e.value.step == "confirm"
    assert "fsync of " in e.value.reason
    hang.clear()
    assert storage_on(hang.mount, backend, sd_id).read() == new


@needs_fuse
def test_silent_corruption_is_found_before_the_rename(hang, backend):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    before = storage.read()

    def corrupt(step):
        if step == "check":
            directory = os.path.join(hang.root, sd_id, "dom_md")
            for name in os.listdir(directory):
                if name.startswith("metadata.new"):
                    with open(os.path.join(directory, name), "r+b") as f:
                        f.write(b"X")

    with pytest.raises(errors.WriteFailed) as e:
        storage.write(before, flagged_lines(sd_id), corrupt)
    assert "differently" in str(e.value)
    assert storage.read() == before

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The files that other writers have left: they are removed before the commit, or
nothing is written; where they may be all that is left, only after it.
"""

import errno
import os

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.storage import filedomain
from tests.support.storage.filewriting import (
    BEFORE_CONFIRM,
    LEFTOVER,
    at,
    dom_md,
    flagged_lines,
    leave,
    no_steps,
    put,
    storage_on,
    temporaries,
)
from tests.support.waiting import RUNS_OUT
from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.metadata import encoding


def test_what_only_looks_like_one_is_left_alone(mount, backend, sd_id):
    names = ["metadata.new", f"{LEFTOVER}.bak", f"my.{LEFTOVER}"]
    for name in names:
        leave(mount, sd_id, name)
    storage = storage_on(mount, backend, sd_id)
    storage.write(storage.read(), flagged_lines(sd_id, "x"), no_steps)
    assert set(names) <= set(os.listdir(dom_md(mount, sd_id)))


def assert_refused(mount, sd_id, storage, error=errors.WriteFailed):
    before, steps = storage.read(), []
    with pytest.raises(error) as e:
        storage.write(before, flagged_lines(sd_id, "x"), steps.append)
    assert "removing the files of other writers" in str(e.value)
    assert steps == ["compare"]
    data = filedomain.get_bytes(mount, sd_id)
    assert encoding.decode_file(data, sd_id) == before
    return str(e.value)


def test_one_that_cannot_be_removed(mount, backend, sd_id):
    os.mkdir(os.path.join(dom_md(mount, sd_id), LEFTOVER))
    storage = storage_on(mount, backend, sd_id)
    text = assert_refused(mount, sd_id, storage)
    assert f"{LEFTOVER}: Is a directory" in text
    # And none of our own is left.
    assert temporaries(mount, sd_id) == [LEFTOVER]


@needs_fuse
@pytest.mark.parametrize(
    "code",
    [errno.EIO, errno.EPERM, errno.EACCES, errno.EROFS, errno.ESTALE],
    ids=errno.errorcode.get,
)
def test_one_whose_removal_fails(hang, backend, code):
    sd_id = filedomain.make(hang.mount)
    leave(hang.root, sd_id)
    storage = storage_on(hang.mount, backend, sd_id)
    hang.fail("unlink", code, LEFTOVER)
    text = assert_refused(hang.root, sd_id, storage)
    assert f"{LEFTOVER}: {os.strerror(code)}" in text
    assert temporaries(hang.root, sd_id) == [LEFTOVER]


@needs_fuse
def test_one_whose_removal_hangs(hang, backend):
    sd_id = filedomain.make(hang.mount)
    leave(hang.root, sd_id)
    storage = storage_on(hang.mount, backend, sd_id, timeout=RUNS_OUT)
    hang.hang("unlink", LEFTOVER)
    assert_refused(hang.root, sd_id, storage, errors.StorageTimeout)


def test_one_that_is_gone_meanwhile(mount, backend, sd_id, mocker):
    path = leave(mount, sd_id)
    storage = storage_on(mount, backend, sd_id)
    unlink = fileio.FileIO.unlink

    def late(self, name):
        os.unlink(path)
        unlink(self, name)

    mocker.patch.object(fileio.FileIO, "unlink", late)
    storage.write(storage.read(), flagged_lines(sd_id, "x"), no_steps)
    assert storage.read() == flagged_lines(sd_id, "x")


def test_one_that_only_seems_to_be_gone(mount, backend, sd_id, mocker):
    """Gluster says ENOENT of a file that it lists."""
    leave(mount, sd_id)
    storage = storage_on(mount, backend, sd_id)
    unlink = fileio.FileIO.unlink

    def fails(self, path):
        if path.endswith(LEFTOVER):
            raise FileNotFoundError(errno.ENOENT, "No such file", path)
        unlink(self, path)

    mocker.patch.object(fileio.FileIO, "unlink", fails)
    text = assert_refused(mount, sd_id, storage)
    assert f"{LEFTOVER}: it does not go away" in text


def test_a_name_that_would_do_something_to_a_terminal(mount, sd_id):
    name = "metadata.new.\x1b[2J.1.0123456789abcdef"
    os.mkdir(os.path.join(dom_md(mount, sd_id), name))
    text = assert_refused(mount, sd_id, storage_on(mount, "embedded", sd_id))
    assert "\x1b" not in text


@needs_fuse
def test_a_listing_that_broke_off(hang, backend):
    """ioprocess gives it as if it were whole."""
    sd_id = filedomain.make(hang.mount)
    leave(hang.root, sd_id)
    storage = storage_on(hang.mount, backend, sd_id)
    before = storage.read()
    fail = at("check", lambda: hang.fail("readdir", errno.EIO))
    with pytest.raises(errors.WriteFailed) as e:
        storage.write(before, flagged_lines(sd_id, "x"), fail)
    assert "removing the files of other writers" in str(e.value)
    hang.clear()
    assert storage.read() == before


# Where the metadata is not whole


@pytest.mark.parametrize("old", [None, ["SDUUID=damaged"]])
@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_the_last_copy_is_not_removed(mount, backend, sd_id, step, old):
    """It may be all that a rename on NFS left, which is two steps there."""

    class Stop(Exception):
        pass

    def stop():
        raise Stop

    put(mount, sd_id, old)
    path = leave(mount, sd_id, text="all that is left")
    storage = storage_on(mount, backend, sd_id)
    with pytest.raises(Stop):
        storage.write(old, flagged_lines(sd_id, "x"), at(step, stop))
    with open(path) as f:
        assert f.read() == "all that is left"
    storage.write(old, flagged_lines(sd_id, "x"), no_steps)
    assert storage.read() == flagged_lines(sd_id, "x")
    assert temporaries(mount, sd_id) == []


@needs_fuse
def test_nor_when_the_rename_fails(hang, backend):
    sd_id = filedomain.make(hang.mount)
    os.unlink(filedomain.path(hang.root, sd_id))
    leave(hang.root, sd_id, text="all that is left")
    storage = storage_on(hang.mount, backend, sd_id)
    # Ours, not the one that takes the other file out of the way.
    rename = fileio.FileIO.rename

    def fails(self, old, new):
        if new.endswith("/metadata"):
            hang.fail("rename", errno.EIO)
        rename(self, old, new)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fileio.FileIO, "rename", fails)
        with pytest.raises(errors.OutcomeUnknown):
            storage.write(None, flagged_lines(sd_id, "x"), no_steps)
    texts = []
    for name in temporaries(hang.root, sd_id):
        with open(os.path.join(dom_md(hang.root, sd_id), name)) as f:
            texts.append(f.read())
    assert "all that is left" in texts

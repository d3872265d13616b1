# SPDX-License-Identifier: GPL-2.0-or-later
"""
Names of files, also such that are no text: all backends of fileio.
"""

import errno
import os

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.storage import backends, hangfs
from vdsm_backup.fileio import base as fileio

ODD_NAMES = [
    "a b",
    'quo"te',
    "back\\slash",
    "new\nline",
    "\x01\x7f",
    "\u00e4",
    "\u2028",
    "\U0001f600",
    "%s&amp;",
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_odd_names(io, tmp_path, name):
    path = str(tmp_path / name)
    io.touch(path, 0o600)
    io.writefile(path, b"data")
    assert io.listdir(str(tmp_path)) == [name]
    with open(path, "rb") as f:
        assert f.read() == b"data"
    io.rename(path, path + "2")
    io.unlink(path + "2")
    assert os.listdir(tmp_path) == []


def test_name_that_is_no_text(backend, io, tmp_path):
    name = os.fsdecode(b"\xff")
    path = str(tmp_path / name)
    if backend == "installed":
        with pytest.raises(OSError) as e:
            io.touch(path, 0o600)
        assert e.value.errno == errno.EILSEQ
        assert os.listdir(tmp_path) == []
    else:
        io.touch(path, 0o600)
        assert io.listdir(str(tmp_path)) == [name]


@backends.reading
def test_list_of_a_name_that_is_no_text(backend, io, tmp_path):
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")
    if backend == "installed":
        # ioprocess's client dies of it: an error, at least, and no trace on
        # our stderr (see test_ioprocess_is_silent).
        with pytest.raises(fileio.Closed):
            io.listdir(str(tmp_path))
    else:
        assert io.listdir(str(tmp_path)) == [os.fsdecode(b"\xff")]


@backends.reading
@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_odd_names_are_read(io, tmp_path, name):
    (tmp_path / name).write_bytes(b"data")
    assert io.listdir(str(tmp_path)) == [name]
    assert io.lstat(str(tmp_path / name)).st_size == 4
    assert io.readfile(str(tmp_path / name)) == b"data"


@needs_fuse
@backends.reading
@pytest.mark.parametrize(
    "op, number",
    [
        ("open", errno.ESTALE),
        ("read", errno.ESTALE),
        ("read", errno.ENOENT),
    ],
)
def test_name_whose_file_another_host_has_replaced(backend, op, number):
    """The kernel believes for long that the name is the file that is gone."""
    if backend == "installed" and op == "read":
        pytest.skip("ioprocess has no call that looks up a name again")
    with hangfs.Hangfs(names_kept=1000) as fs:
        with open(os.path.join(fs.root, "x"), "wb") as f:
            f.write(b"data")
        path = os.path.join(fs.mount, "x")
        os.stat(path)
        fs.replaced(op, number, "x")
        with backends.open_io(backend, fs.mount, 60) as io:
            assert io.readfile(path, direct=True) == b"data"
        assert fs.orders() == []

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a server, or another client of it, puts in the place of a file.

    pytest_plugins = ["tests.support.fileio.swapping"]
"""

import os
import socket
import stat

import pytest

from tests.support.hooks.needs import needs_other_user

VICTIM = b"the disk of a VM" * 1000


@pytest.fixture
def victim(tmp_path):
    """A file of another domain."""
    path = tmp_path / "other" / "disk"
    path.parent.mkdir()
    path.write_bytes(VICTIM)
    path.chmod(0o640)
    yield str(path)
    assert path.read_bytes() == VICTIM
    assert stat.S_IMODE(path.lstat().st_mode) == 0o640
    assert os.listdir(path.parent) == ["disk"]


def put_link(path, victim):
    os.symlink(victim, path)


def put_hard_link(path, victim):
    os.link(victim, path)


def put_fifo(path, victim):
    os.mkfifo(path)


def put_socket(path, victim):
    with socket.socket(socket.AF_UNIX) as s:
        fd = os.open(os.path.dirname(path), os.O_PATH)
        s.bind(f"/proc/self/fd/{fd}/{os.path.basename(path)}")
        os.close(fd)


def put_device(path, victim):
    # The null device. As a file system of another host may have any.
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


KINDS = [
    pytest.param(put_link, id="link"),
    pytest.param(put_hard_link, id="hard link"),
    pytest.param(put_fifo, id="fifo"),
    pytest.param(put_socket, id="socket"),
    pytest.param(put_device, id="device", marks=needs_other_user),
]
NO_FILES = [param for param in KINDS if param.values[0] != put_hard_link]

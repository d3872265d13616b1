# SPDX-License-Identifier: GPL-2.0-or-later
"""
Real mounts that all processes see, sanlock's daemon too, below the fixture
`directory` of clifixtures.
"""

import contextlib
import os
import subprocess

from vdsm_backup.host import mounts


@contextlib.contextmanager
def ext4(point, mib):
    """A new file system of this size; root has no blocks of its own in it."""
    image = f"{point}.img"
    with open(image, "xb") as f:
        f.truncate(mib * 1024**2)
    _run("mkfs.ext4", "-q", "-m", "0", image)
    _run("mount", "-o", "loop", image, point)
    try:
        yield
    finally:
        _run("umount", "--lazy", point)


@contextlib.contextmanager
def read_only(point):
    """What is there, mounted once more, read-only."""
    _run("mount", "--bind", point, point)
    try:
        _run("mount", "-o", "remount,bind,ro", point)
        yield
    finally:
        _run("umount", "--lazy", point)


def fill(path):
    """Write a file until the file system is full."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as f:
        for size in (1024**2, 4096, 1):
            with contextlib.suppress(OSError):
                while f.write(b"x" * size):
                    pass


def clean_stale(path):
    """Unmount what a killed run has left below its directory."""
    if not os.path.basename(path).startswith("cli-"):
        return
    for mount in reversed(mounts.table()):
        if mount.point.startswith(path + "/"):
            _run("umount", "--lazy", mount.point)


def missing():
    """Why there can be none here, or ""."""
    return "" if os.geteuid() == 0 else "to mount needs root"


def _run(*command):
    subprocess.run(command, check=True, capture_output=True)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
A test run that is killed, or is about to be, and what it has made by then:

    python -m tests.support.killed_run hangfs
    python -m tests.support.killed_run block DIRECTORY WWID
    python -m tests.support.killed_run qemu DIRECTORY IMAGE
    python -m tests.support.killed_run libvirtd HOOKS
"""

import os
import signal
import sys

from tests.support.libvirt import daemon
from tests.support.processes import qemu
from tests.support.storage import hangfs, loop
from tests.support.storage.blockdomain import BlockDomain


def make_hangfs():
    """Says its mount; lives until it is killed."""
    fs = hangfs.Hangfs()
    with open(os.path.join(fs.root, "file"), "w") as f:
        f.write("text")
    fs.hang("read")
    print(fs.mount, flush=True)
    signal.pause()


def make_block(directory, wwid):
    """A domain of two devices, of which one has an alias."""
    os.environ["LVM_SYSTEM_DIR"] = loop.lvm_system_dir(directory)
    BlockDomain(directory, wwids=[wwid, f"{wwid}x"])
    os.kill(os.getpid(), signal.SIGKILL)


def make_qemu(directory, image):
    """Says its pid."""
    with qemu.vm(directory, f"file={image},format=raw,if=virtio") as process:
        print(process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


def make_libvirtd(hooks):
    """Says its directory, when a VM runs."""
    libvirtd = daemon.Libvirtd(hooks)
    libvirtd.start(daemon.vm())
    print(libvirtd.dir, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    make = {
        "hangfs": make_hangfs,
        "block": make_block,
        "qemu": make_qemu,
        "libvirtd": make_libvirtd,
    }
    make[sys.argv[1]](*sys.argv[2:])

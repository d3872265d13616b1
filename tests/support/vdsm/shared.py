# SPDX-License-Identifier: GPL-2.0-or-later
"""
Storage that several vdsmhost.Host share: a file system on a loop device that
each of them mounts in its own repository, as VDSM mounts a POSIX domain.
"""

import os
import subprocess

from tests.support.storage import loop
from tests.support.vdsm.vdsmhost import POSIXFS

MIB = 1024**2


class Shared:
    """
    A device with a file system, and the domain on it. directory: for its file.
    """

    def __init__(self, directory, name):
        path = loop.make_file(os.path.join(directory, name), 4096 * MIB)
        subprocess.run(["mkfs.ext4", "-q", path], check=True)
        self.device = loop.attach(path)
        self.sd_id = None

    def connect(self, host):
        where = {"connection": self.device, "vfs_type": "ext4"}
        host.connect(POSIXFS, where)

    def create(self, host, version):
        self.connect(host)
        self.sd_id = host.create_domain(POSIXFS, self.device, version)

    def metafile(self, host):
        mount = f"dc/mnt/{self.device.replace('/', '_')}"
        return os.path.join(host.root, mount, self.sd_id, "dom_md", "metadata")

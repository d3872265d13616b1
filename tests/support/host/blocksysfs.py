# SPDX-License-Identifier: GPL-2.0-or-later
"""
A directory in place of /sys with block devices, laid out as the kernel does
it: see vdsm_backup/host/block_stack.py.
"""

import os

LUN_SECTORS = 10 * 1024**3 // 512


class Sysfs:
    """
    Devices are named as the kernel does, "sda", "dm-3"; their numbers are
    "block/1:0", "block/1:1" and so on, in the order in which they are added.
    """

    def __init__(self, path):
        self.path = str(path)
        self._numbers = {}
        self._dirs = {}

    def number(self, name):
        return self._numbers[name]

    def disk(self, name, sectors=LUN_SECTORS):
        self._add(name, os.path.join("devices", "block", name), sectors)

    def partition(self, disk, name, sectors=LUN_SECTORS):
        directory = os.path.join(self._dirs[disk], name)
        self._add(name, directory, sectors)
        self._write(directory, "partition", "1")

    def map(self, name, dm_name, dm_uuid, *slaves, sectors=LUN_SECTORS):
        """A device of device-mapper on top of others."""
        self.disk(name, sectors)
        directory = self._dirs[name]
        self._write(os.path.join(directory, "dm"), "name", dm_name)
        self._write(os.path.join(directory, "dm"), "uuid", dm_uuid)
        for slave in slaves:
            self._link(directory, self._dirs[slave], "slaves", slave)
            self._link(self._dirs[slave], directory, "holders", name)

    def multipath(self, name, wwid, *slaves):
        self.map(name, wwid, f"mpath-{wwid}", *slaves)

    def lv(self, name, vg, lv, *slaves, suffix=""):
        dm_name = "-".join(part.replace("-", "--") for part in (vg, lv))
        self.map(name, dm_name + suffix, f"LVM-x{suffix}", *slaves)

    def scsi(self, address, disk, generic=None):
        """disk is this SCSI device; generic: number of its /dev/sgN."""
        directory = os.path.join(self.path, "bus", "scsi", "devices", address)
        os.makedirs(os.path.join(directory, "block", disk))
        os.rmdir(os.path.join(directory, "block", disk))
        os.symlink(
            os.path.join(self.path, self._dirs[disk]),
            os.path.join(directory, "block", disk),
        )
        if generic:
            at = os.path.join(self.path, "dev", generic)
            os.makedirs(at)
            os.symlink(directory, os.path.join(at, "device"))

    def _add(self, name, directory, sectors):
        number = f"block/1:{len(self._numbers)}"
        self._numbers[name] = number
        self._dirs[name] = directory
        for links in ("holders", "slaves"):
            os.makedirs(os.path.join(self.path, directory, links))
        self._write(directory, "size", str(sectors))
        link = os.path.join(self.path, "dev", number)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(os.path.join(self.path, directory), link)

    def _link(self, directory, other, links, name):
        os.symlink(
            os.path.join(self.path, other),
            os.path.join(self.path, directory, links, name),
        )

    def _write(self, directory, name, text):
        directory = os.path.join(self.path, directory)
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, name), "w") as f:
            f.write(text + "\n")

# SPDX-License-Identifier: GPL-2.0-or-later
"""
A directory in place of /sys/block with maps of device-mapper, laid out as the
kernel does it: what lies under the active LVs of a VG.
"""

import os

from tests.support.hooks import vmxml


class SysBlock:

    def __init__(self, path):
        self._path = path
        os.makedirs(path, exist_ok=True)

    def clear(self):
        for name in os.listdir(self._path):
            os.rename(
                os.path.join(self._path, name),
                os.path.join(self._path, f".{name}.{id(name)}"),
            )

    def add(self, name, uuid, devices):
        """A map with this name over devices; returns its own name."""
        kernel_name = f"dm-{len(os.listdir(self._path))}"
        top = os.path.join(self._path, kernel_name)
        os.makedirs(os.path.join(top, "dm"))
        for key, value in (("name", name), ("uuid", uuid)):
            with open(os.path.join(top, "dm", key), "w") as f:
                f.write(value + "\n")
        for device in devices:
            if device.startswith("dm-"):
                below = os.path.join(top, "slaves", device)
                os.makedirs(os.path.dirname(below), exist_ok=True)
                os.symlink(os.path.join(self._path, device), below)
            else:
                name = os.path.basename(device)
                os.makedirs(os.path.join(top, "slaves", name))
        return kernel_name

    def lv(self, sd_id, devices, name=vmxml.VOLUME):
        doubled = (part.replace("-", "--") for part in (sd_id, name))
        return self.add("-".join(doubled), "LVM-x", devices)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of a table of mounts."""

from vdsm_backup.host.mounts import Mount

ROOT = Mount("/", "ext4", "/dev/vda1", "rw", "/")


def mount(point, fs_type="nfs4", source="nas:/a"):
    return Mount(str(point), fs_type, source, "rw", "/")

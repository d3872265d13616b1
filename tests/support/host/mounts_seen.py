# SPDX-License-Identifier: GPL-2.0-or-later
"""Says what is known of the mount that holds a path, and of others."""

import sys

from vdsm_backup.host import mounts
from vdsm_backup.vm import paths

if __name__ == "__main__":
    path, table = sys.argv[1], mounts.table()
    print(len(table) > 3, paths.mount_of(path, table), mounts.where(path))

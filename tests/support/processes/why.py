# SPDX-License-Identifier: GPL-2.0-or-later
"""Says why this user was denied a path: python -m ... PATH"""

import sys

from vdsm_backup.processes import directories

if __name__ == "__main__":
    print(directories.why(PermissionError(13, "denied"), sys.argv[1]))

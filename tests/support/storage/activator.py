# SPDX-License-Identifier: GPL-2.0-or-later
"""
A tool with active LVs, until its input is closed: lvs.Tool.

    python -m tests.support.storage.activator LV_DIR RUN_DIR
"""

import sys

from tests.support.storage.lvs import Lvs
from vdsm_backup.lvm import activation

if __name__ == "__main__":
    activation.CLOSING = activation.RETRY = 0.1
    lvs = Lvs(*sys.argv[1:])
    with lvs.active():
        print("active", flush=True)
        sys.stdin.read()
    print(lvs.lvm.calls)

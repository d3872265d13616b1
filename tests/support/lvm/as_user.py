# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs lvm, by ids of a user and the group of the same number.

    python -m tests.support.lvm.as_user REAL EFFECTIVE NAME PATH

NAME, PATH: LVM or SUDO of lvm/command.py, and what is run in its place.
"""

import os
import sys

from vdsm_backup.lvm import command as lvm_command

if __name__ == "__main__":
    real, effective = map(int, sys.argv[1:3])
    os.setresgid(real, effective, effective)
    os.setresuid(real, effective, effective)
    setattr(lvm_command, *sys.argv[3:])
    print(lvm_command.run(["pvs"], 9).out)

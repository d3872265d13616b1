# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs an lvm that is stopped by nobody, with our own input; says its pid.

    python -m tests.support.lvm.keeper PATH
"""

import os
import subprocess
import sys

from vdsm_backup.lvm import command as lvm_command


class Popen(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        print(self.pid, flush=True)


if __name__ == "__main__":
    os.getuid = os.geteuid = lambda: 0
    lvm_command.LVM = sys.argv[1]
    lvm_command.subprocess.Popen = Popen
    lvm_command.run(["vgchange"], 60, stdin=0)

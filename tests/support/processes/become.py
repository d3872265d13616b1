# SPDX-License-Identifier: GPL-2.0-or-later
"""
Becomes another user, and runs a command. Run by its path: a hook that it runs
must not get to know of us.

    python PATH REAL,EFFECTIVE,SAVED COMMAND...

The ids are of users; all of its groups are kvm.
"""

import os
import sys

if __name__ == "__main__":
    os.setresgid(36, 36, 36)
    os.setresuid(*map(int, sys.argv[1].split(",")))
    os.execv(sys.argv[2], sys.argv[2:])

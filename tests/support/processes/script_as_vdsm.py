# SPDX-License-Identifier: GPL-2.0-or-later
"""Root, who works as another user, starts a Script and says its ids."""

import os

from vdsm_backup.processes import scripts

if __name__ == "__main__":
    os.setgroups([])
    os.setegid(36)
    os.seteuid(36)
    one = scripts.Script("tests.support.processes.probe")
    scripts.collect([one], 10)
    print(one.lines[0]["ids"])

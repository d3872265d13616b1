# SPDX-License-Identifier: GPL-2.0-or-later
"""
Has something open, says so, and stays:

    python3 -m tests.e2e.inside.holding file PATH
    python3 -m tests.e2e.inside.holding vm DRIVE...
"""

import sys
import tempfile
import time

from tests.support.processes import qemu


def hold(what, *args):
    if what == "file":
        with open(*args) as f:
            f.read()
            stay()
    else:
        with qemu.vm(tempfile.mkdtemp(), *args):
            stay()


def stay():
    print("open", flush=True)
    time.sleep(3600)


if __name__ == "__main__":
    hold(*sys.argv[1:])

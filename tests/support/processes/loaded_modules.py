# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the command line, and then says which modules it has loaded."""

import sys

from vdsm_backup.cli import main

if __name__ == "__main__":
    main.main(sys.argv[1:], sys.stdout, sys.stderr)
    print(*sys.modules)

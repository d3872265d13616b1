# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the command line, and then says which modules it has loaded."""

import sys

# Of Python itself, which started us.
_BEFORE = set(sys.modules)

if __name__ == "__main__":
    from vdsm_backup.cli import main
    from vdsm_backup.processes import forking

    forking.allow()
    code = main.main(sys.argv[1:], sys.stdout, sys.stderr)
    print(*set(sys.modules) - _BEFORE)
    sys.exit(code)

# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m vdsm_backup` does the same as the command vdsm-backup-domain."""

from vdsm_backup.cli.main import run

if __name__ == "__main__":
    run()

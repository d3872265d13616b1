# SPDX-License-Identifier: GPL-2.0-or-later
"""The command vdsm-backup-domain-bridge, or python -m vdsm_backup.bridge."""

from vdsm_backup.bridge.command import run

if __name__ == "__main__":
    run()

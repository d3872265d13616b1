# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the journal, and prints what journalctl.read() gives as JSON."""

import json
import sys

from vdsm_backup.host import journalctl

if __name__ == "__main__":
    uids, since = json.loads(sys.argv[1])
    print(json.dumps(journalctl.read(uids, since)))

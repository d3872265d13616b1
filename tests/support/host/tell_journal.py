# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells the journal the entry of its argument, and says what send() says."""

import json
import sys

from vdsm_backup.host import journal

if __name__ == "__main__":
    message, priority, fields = json.loads(sys.argv[1])
    print(journal.send(message, priority, **fields))

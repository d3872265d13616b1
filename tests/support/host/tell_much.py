# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells the journal until it takes no more."""

from vdsm_backup.host import journal

if __name__ == "__main__":
    while journal.send("m" * 4096, journal.NOTICE):
        pass
    print("refused at last")

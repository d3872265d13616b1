# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is known to go wrong. The judge counts these, and does not fail a case
for them. A mend takes its line out.
"""

# VDSM writes without a lease. What it both makes and renames between our first
# second name of `metadata` and our rename is lost (storage/overwritten.py).
# That is less than the time of one step: only a write that races with ours
# can come then, and only to a file.
WINDOW = "VDSM's key was lost in the window"

KNOWN = {WINDOW}

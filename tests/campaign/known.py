# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is known to go wrong. The judge counts these, and does not fail a case
for them. A mend takes its line out.
"""

# VDSM writes without a lease. What it writes to a file between our last look
# and our rename is lost.
WINDOW = "VDSM's key was lost in the window"

# On files, our last look is before this step.
WINDOW_OPENS = {"file": ("commit",), "block": ()}

# A rename that failed may be carried out afterwards. The answer is that
# nothing was changed.
LATE = "a rename that failed came later, and nothing was said to be changed"

KNOWN = {WINDOW, LATE}

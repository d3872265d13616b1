# SPDX-License-Identifier: GPL-2.0-or-later
"""What the exit codes mean; README.md and docs/json.md promise them."""

import enum


class Exit(enum.IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    REFUSED = 4

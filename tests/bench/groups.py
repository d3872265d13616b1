# SPDX-License-Identifier: GPL-2.0-or-later
"""All groups of rows, in the order of the table."""

from __future__ import annotations

from tests.bench.rows import (
    bridge,
    change,
    hang,
    hook,
    hook_block,
    listing,
    listing_block,
    memory,
    plugin,
    start,
    storm,
)

GROUPS = {
    "hook": hook,
    "hook-block": hook_block,
    "start": start,
    "list": listing,
    "list-block": listing_block,
    "change": change,
    "storm": storm,
    "memory": memory,
    "hang": hang,
    "plugin": plugin,
    "bridge": bridge,
}

ROWS = [row for group in GROUPS.values() for row in group.ROWS]

# Of the plots only.
SHOWN = [row for group in (listing, storm) for row in group.SHOWN]

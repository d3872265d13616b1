# SPDX-License-Identifier: GPL-2.0-or-later
"""What a script says: one JSON object a line (see scripts.py)."""

from __future__ import annotations

import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def say(line: Mapping[str, Any]) -> None:
    """
    Print one line, and flush it: a script can be killed at any time, and
    what it has said until then counts.
    """
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The types of the values of options: functions of a text that return the value.
argparse shows the ArgumentTypeError that one raises as wrong usage.
"""

from __future__ import annotations

import argparse
import re

from vdsm_backup.guard import permits
from vdsm_backup.text import is_uuid

# Compiled where a value is given: most commands have none.
_NUMBER = r"[1-9][0-9]{0,8}"
_TIME = r"([1-9][0-9]{0,4})([mhd])"
_SECONDS = r"[0-9]{1,4}(\.[0-9]{1,3})?"

# Seconds: the bounds of [sanlock] timeout, which --timeout replaces.
_TIMEOUT_RANGE = (1, 3600)

# Seconds: the units of a time, and the shortest one of a permit.
_UNITS = {"m": 60, "h": 3600, "d": 86400}
_MIN_PERMIT = 60

# No VM has it.
_NO_VM = "00000000-0000-0000-0000-000000000000"


def not_empty(text: str) -> str:
    """The text. Raises ArgumentTypeError if it is empty."""
    # A domain may have an empty name, and a variable of a script that is not
    # set must not name that domain.
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return text


def number(text: str) -> int:
    """A number from 1 on."""
    if not re.fullmatch(_NUMBER, text):
        raise argparse.ArgumentTypeError(f"{text!a} is no number from 1")
    return int(text)


def seconds(text: str) -> float:
    """Seconds of a --timeout."""
    low, high = _TIMEOUT_RANGE
    if not re.fullmatch(_SECONDS, text) or not low <= float(text) <= high:
        raise argparse.ArgumentTypeError(
            f"{text!a} is not between {low} and {high} seconds"
        )
    return float(text)


def vm_id(text: str) -> str:
    """The UUID of a VM, in lower case."""
    lower = text.lower()
    if not is_uuid(lower) or lower == _NO_VM:
        raise argparse.ArgumentTypeError(f"{text!a} is no UUID of a VM")
    return lower


def since(text: str) -> float:
    """
    A time in the past, in seconds since the epoch: how long ago, such as 2h,
    or a date, with or without a time of day. Without a Z it is local time.
    """
    # Few commands are given a time.
    import time
    from datetime import datetime

    ago = re.fullmatch(_TIME, text)
    if ago:
        return time.time() - int(ago[1]) * _UNITS[ago[2]]
    try:
        # Python 3.9 knows no Z.
        date = datetime.fromisoformat(re.sub("Z$", "+00:00", text))
        return max(date.timestamp(), 0.0)
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!a} is no time such as 2h, 2026-11-22 or"
            " 2026-11-22T11:40:00Z"
        )


def permit_time(text: str) -> int:
    """Seconds of a time such as 2h."""
    found = re.fullmatch(_TIME, text)
    asked = int(found[1]) * _UNITS[found[2]] if found else 0
    if not _MIN_PERMIT <= asked <= permits.MAX_SECONDS:
        days = permits.MAX_SECONDS // _UNITS["d"]
        raise argparse.ArgumentTypeError(
            f"{text!a} is no time from 1m to {days}d, such as 30m or 2h"
        )
    return asked

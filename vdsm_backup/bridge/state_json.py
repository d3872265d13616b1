# SPDX-License-Identifier: GPL-2.0-or-later
"""The state as JSON, and whether a text is one. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vdsm_backup.bridge import shapes
from vdsm_backup.bridge.shapes import Edit, Memory
from vdsm_backup.bridge.state import Anchor, State
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    from typing import Any, NoReturn

SCHEMA = 1


def to_json(state: State) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "epoch": state.epoch,
        "anchor": state.anchor,
        "domains": {
            sd_id: memory._asdict()
            for sd_id, memory in sorted(state.domains.items())
        },
    }


def parse(data: bytes) -> State:
    """Raises ValueError, with what is wrong, if this is no state."""
    try:
        return _state(json.loads(data, parse_constant=_refuse))
    except RecursionError:
        raise ValueError("it is nested too deeply")
    except (ValueError, TypeError, KeyError) as e:
        raise ValueError(printable(str(e)))


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _state(data: Any) -> State:
    """Raises ValueError, TypeError or KeyError if this is no state."""
    found = _dict("state", data)
    if found["schema"] != SCHEMA:
        raise ValueError(f"its schema is {found['schema']!r}, not {SCHEMA}")
    domains = {}
    for sd_id, fields in _dict("domains", found["domains"]).items():
        if not is_uuid(sd_id):
            raise ValueError(f"{sd_id!r} is no UUID")
        domains[sd_id] = _memory(_dict(sd_id, fields))
    anchor = found["anchor"]
    if anchor is not None:
        anchor = Anchor(*(_typed("anchor", n, int) for n in anchor))
    return State(_typed("epoch", found["epoch"], int), anchor, domains)


# A time in seconds since the epoch, of the years that a clock can show.
_TIME = (int, float)
_YEAR_10000 = 253_402_300_800

# Types of the fields of a Memory, and those that may be None.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "epoch": int,
    "newest": int,
    "imported": int,
    "looks": int,
    "box": bool,
    "flag": str,
    "stamp": str,
    "since": _TIME,
    "polls": int,
    "unknown_since": _TIME,
    "seen_on": int,
    "seen_off": int,
    "comment": str,
    "off_comment": str,
    "off_stamp": str,
    "was_off": bool,
    "was_flagged": bool,
    "ticked_at": _TIME,
    "ticked_index": int,
    "ticked": bool,
    "unsure": bool,
    "landed": bool,
    "repeated": bool,
    "accepted": bool,
    "hosted_engine": bool,
    "not_allowed": bool,
    "tries": int,
    "retry_at": _TIME,
    "refusals": int,
    "refused": str,
}
_MAY_BE_NONE = {
    name for name, default in Memory._field_defaults.items() if default is None
}
_TEXTS = {"old", "on_stamps", "told"}
_FLAGS = {shapes.ON, shapes.OFF, shapes.NEVER, shapes.UNKNOWN}


def _memory(fields: dict[str, Any]) -> Memory:
    """A field that an older bridge has not written has its default."""
    checked: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "edits":
            checked[name] = tuple(_edit(edit) for edit in value)
        elif name in _TEXTS:
            checked[name] = tuple(_typed(name, text, str) for text in value)
        elif value is None and name in _MAY_BE_NONE:
            checked[name] = None
        else:
            checked[name] = _typed(name, value, _TYPES[name])
    made = Memory(**checked)
    if made.flag not in _FLAGS or made.tries < 0:
        raise ValueError(f"flag {made.flag!r}, tries {made.tries}")
    return made


def _edit(value: Any) -> Edit:
    number, time, user, ours = value
    return Edit(
        _typed("number", number, int),
        _typed("time", time, int),
        _typed("user", user, str),
        _typed("ours", ours, bool),
    )


def _dict(name: str, value: Any) -> dict[str, Any]:
    checked: dict[str, Any] = _typed(name, value, dict)
    return checked


def _typed(name: str, value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind) or (
        # True is an int for Python, and no number for us.
        isinstance(value, bool)
        and kind is not bool
    ):
        raise TypeError(f"{name} is {value!r}")
    if kind is _TIME and not 0 <= value < _YEAR_10000:
        raise ValueError(f"{name} is no time")
    return value

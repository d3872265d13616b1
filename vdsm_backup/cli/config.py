# SPDX-License-Identifier: GPL-2.0-or-later
"""
config: the options of this host, and the file that each of them is from.

The text is a configuration file itself. What a file of this host has set
stands below a comment that names the file and the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, TypedDict

from vdsm_backup.cli import parts
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.layout import harmless
from vdsm_backup.config import DEFAULTS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vdsm_backup.cli.output import UI
    from vdsm_backup.config import Config


class OptionObject(TypedDict):
    """An entry of "options" in docs/json.md."""

    section: str
    option: str
    value: str
    default: str
    file: Optional[str]


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """Returns PARTLY if a file cannot be used: it is left out."""
    found: list[OptionObject] = [
        {
            "section": section,
            "option": option,
            "value": value,
            "default": DEFAULTS[section][option],
            "file": file,
        }
        for section, option, value, file in options.texts()
    ]
    notes = parts.notes(options)
    if ui.as_json:
        ui.json(options=found, notes=notes)
    else:
        ui.lines(_lines(found))
        parts.show(options, ui)
    return Exit.PARTLY if notes else Exit.DONE


def _lines(found: list[OptionObject]) -> Iterator[str]:
    section = None
    for option in found:
        if option["section"] != section:
            if section:
                yield ""
            section = option["section"]
            yield f"[{section}]"
        if option["file"]:
            default = option["default"] or "empty"
            yield f"# {harmless(option['file'])}; default: {default}"
        # A value of several lines goes on in lines that are indented.
        first, *more = option["value"].split("\n")
        yield f"{option['option']} = {harmless(first)}".rstrip()
        yield from (f"    {harmless(line)}" for line in more)

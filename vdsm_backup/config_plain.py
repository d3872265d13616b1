# SPDX-License-Identifier: GPL-2.0-or-later
"""
The text of a plain configuration file, as most are. Pure.

The parser of all files (config_parser.py) takes a hook as long to import as
half of what it imports otherwise. So this module reads what needs no parser,
and leaves all else to it, errors among it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    # {section: {option: text}} of one file
    Sections = dict[str, dict[str, str]]

# Characters of the names of options.
_OPTION = "abcdefghijklmnopqrstuvwxyz_"


def parse(text: str) -> Sections | None:
    """
    What a file says, as config_parser.parse() says it.

    None if the text is not plain: a line of it is neither blank, nor a
    comment, nor exactly [SECTION], nor OPTION = VALUE that is not indented;
    or it says something twice, or an option before any section.
    """
    if "\r" in text:
        # The ends of lines of other systems.
        return None
    sections: Sections = {}
    options: dict[str, str] | None = None
    for line in text.split("\n"):
        if line.strip()[:1] in ("", "#", ";"):
            continue
        if not line.isprintable() or line[0] == " ":
            return None
        if line[0] == "[":
            section, end, rest = line[1:].partition("]")
            if not (section and end) or rest or section in sections:
                return None
            options = sections[section] = {}
            continue
        option, equals, value = line.partition("=")
        option = option.rstrip(" ")
        if not (option and equals) or option.strip(_OPTION):
            return None
        if options is None or option in options:
            return None
        options[option] = value.strip(" ")
    return sections

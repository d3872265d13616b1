# SPDX-License-Identifier: GPL-2.0-or-later
"""
The text of one configuration file, parsed. Pure.

This module is imported only where a file says something: `configparser` takes
a hook as long as all else that it imports.
"""

from __future__ import annotations

import configparser
import io
import re

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    # {section: {option: text}} of one file
    Sections = dict[str, dict[str, str]]

# Characters of a message of the parser, which quotes whole lines.
_MAX_SHOWN = 200


class _Parser(configparser.ConfigParser):
    """
    A parser that accepts nothing but a comment behind [section] on one line.
    Python's own ignores what stands there, and an option would be lost.
    """

    SECTCRE = re.compile(r"\[(?P<header>[^]]+)\][ \t]*(?:[#;].*)?$")


def parse(name: str, text: str) -> Sections:
    """
    What a file says. name: its path, for messages. Raises ConfigInvalid.
    """
    # There is no default section, which would set options of all sections.
    parser = _Parser(interpolation=None, default_section="")
    try:
        parser.read_file(io.StringIO(text, newline=None), name)
    except configparser.Error as e:
        reason = str(e).replace("\n", " ")[:_MAX_SHOWN]
        raise errors.ConfigInvalid(name, "file", reason)
    return {
        section: dict(parser.items(section)) for section in parser.sections()
    }

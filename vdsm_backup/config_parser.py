# SPDX-License-Identifier: GPL-2.0-or-later
"""
The text of one configuration file, parsed. Pure.

This module is imported only where a file is not plain (config_plain.py):
`configparser` takes a hook as long as half of what it imports otherwise.
"""

from __future__ import annotations

import configparser
import io
import re

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.config_plain import Sections

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
        raise errors.ConfigInvalid(name, "file", _words(e))
    return {
        section: dict(parser.items(section)) for section in parser.sections()
    }


def _words(error: configparser.Error) -> str:
    """What is wrong in a file; the parser's own words name the file again."""
    if isinstance(error, configparser.MissingSectionHeaderError):
        if error.line.startswith("["):
            text = _shown(error.line.rstrip("\n"))
            return f"line {error.lineno}: no section, as [guard] is: {text}"
        return f"no section [..] before line {error.lineno}"
    if isinstance(error, configparser.DuplicateSectionError):
        section = _shown(error.section)
        return f"line {error.lineno}: section [{section}] begins once more"
    if isinstance(error, configparser.DuplicateOptionError):
        option = f"[{_shown(error.section)}] {_shown(error.option)}"
        return f"line {error.lineno}: {option} is set once more"
    if isinstance(error, configparser.ParsingError) and error.errors:
        line, text = error.errors[0]
        text = _quoted(text)[:_MAX_SHOWN]
        return f"line {line}: neither a section nor OPTION = VALUE: {text}"
    return str(error).replace("\n", " ")[:_MAX_SHOWN]


def _quoted(line: str) -> str:
    """The line as repr() shows it. Before Python 3.13 it is that already."""
    is_shown = len(line) > 1 and line[0] == line[-1] and line[0] in "'\""
    return line if is_shown else repr(line)


def _shown(name: str) -> str:
    return ascii(name[:_MAX_SHOWN])[1:-1]

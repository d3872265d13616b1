# SPDX-License-Identifier: GPL-2.0-or-later
"""
Text in columns. Pure functions.

Lengths are columns of a terminal: wide characters take two, combining ones
none. A width of None has no limit.
"""

import unicodedata

from vdsm_backup.text import printable

CUT = "..."


def harmless(text):
    """
    Text for a terminal, whole: for lines that we made ourselves. Texts from
    storage are printed by format.printable, which also cuts them.
    """
    return "".join(map(printable, text))


def columns(text):
    return sum(_columns(char) for char in text)


def cut(text, width):
    """The text, or its beginning and dots, in at most `width` columns."""
    if width is None or columns(text) <= width:
        return text
    head, _ = _split(text, width - len(CUT))
    return head + CUT


def pad(text, width):
    return text + " " * (width - columns(text))


def wrap(text, width, indent=""):
    """Lines of at most `width` columns, broken at blanks where possible."""
    if width is None:
        return [indent + text]
    room = max(width - len(indent), 1)
    lines = []
    while columns(text) > room:
        head, tail = _split(text, room)
        blank = len(head) if tail.startswith(" ") else head.rfind(" ")
        if head[:blank].strip(" ") and blank > 0:
            head, tail = text[:blank], text[blank + 1 :]
        lines.append(indent + head)
        text = tail
    return [*lines, indent + text]


def table(titles, rows, width, flexible):
    """
    Lines of a table, its titles first. The column `flexible` is cut where
    the table is wider than `width`.
    """
    sizes = sizes_of([titles, *rows], width, flexible)
    return [table_line(row, sizes) for row in [titles, *rows]]


def sizes_of(rows, width, flexible):
    sizes = [max(map(columns, column)) for column in zip(*rows)]
    if width is not None:
        spare = width - sum(sizes) - 2 * (len(sizes) - 1)
        least = columns(rows[0][flexible])
        sizes[flexible] = max(sizes[flexible] + min(spare, 0), least)
    return sizes


def table_line(row, sizes):
    cells = [pad(cut(cell, size), size) for cell, size in zip(row, sizes)]
    return "  ".join(cells).rstrip(" ")


def fields(pairs, width):
    """
    Lines of names and values, the values aligned. A name that is empty goes
    on with the values of the one before it.
    """
    size = max(columns(name) for name, _ in pairs) + 2
    found = []
    for name, value in pairs:
        room = None if width is None else max(width - size, 20)
        first, *more = wrap(value, room)
        found.append((pad(name, size) + first).rstrip(" "))
        found += [" " * size + line for line in more]
    return found


def _split(text, width):
    """The text at the last place where the beginning fits."""
    used = 0
    for i, char in enumerate(text):
        used += _columns(char)
        if used > max(width, 1):
            return text[:i], text[i:]
    return text, ""


def _columns(char):
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1

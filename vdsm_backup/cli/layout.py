# SPDX-License-Identifier: GPL-2.0-or-later
"""
Text for a terminal: cut, wrapped, and in tables. Pure functions.

Widths are numbers of columns of the terminal. A wide character takes two of
them, and a combining one none. A width of None has no limit.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CUT = "..."


def harmless(text: str) -> str:
    """
    The whole text, harmless to a terminal: hidden characters are escaped.
    This is for lines that we made ourselves. For texts from storage there is
    text.printable(), which also cuts them.
    """
    return "".join(map(printable, text))


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(_columns(char) for char in text)


def cut(text: str, width: int | None) -> str:
    """The text, or its beginning and dots, in at most `width` columns."""
    if width is None or columns(text) <= width:
        return text
    head, _ = _split(text, width - len(CUT))
    return head + CUT


def pad(text: str, width: int) -> str:
    """The text, and spaces behind it until it takes `width` columns."""
    return text + " " * (width - columns(text))


def wrap(text: str, width: int | None, indent: str = "") -> list[str]:
    """
    The text as lines of at most `width` columns, broken at spaces where
    possible. Each line begins with `indent`.
    """
    if width is None:
        return [indent + text]
    room = max(width - len(indent), 1)
    lines = []
    while columns(text) > room:
        head, tail = _split(text, room)
        space = len(head) if tail.startswith(" ") else head.rfind(" ")
        if head[:space].strip(" ") and space > 0:
            head, tail = text[:space], text[space + 1 :]
        lines.append(indent + head)
        text = tail
    return [*lines, indent + text]


def table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    flexible: int,
) -> list[str]:
    """
    The lines of a table, with the titles as the first line.

    rows: of each row its cells.
    flexible: the number of the cell that is cut in each row where the table
        would be wider than `width`.
    """
    sizes = cell_widths([titles, *rows], width, flexible)
    return [table_line(row, sizes) for row in [titles, *rows]]


def cell_widths(
    rows: Sequence[Sequence[str]], width: int | None, flexible: int
) -> list[int]:
    """
    For table_line(): the widths of the first cell, the second and so on, each
    enough for all rows. Where the table would be wider than `width`, the cell
    `flexible` gets what is left, and at least the width of its title. The
    titles are the first row.
    """
    sizes = [max(map(columns, cells)) for cells in zip(*rows)]
    if width is not None:
        spare = width - sum(sizes) - 2 * (len(sizes) - 1)
        least = columns(rows[0][flexible])
        sizes[flexible] = max(sizes[flexible] + min(spare, 0), least)
    return sizes


def table_line(row: Iterable[str], sizes: Iterable[int]) -> str:
    """One line of a table, its cells cut and padded to these widths."""
    cells = [pad(cut(cell, size), size) for cell, size in zip(row, sizes)]
    return "  ".join(cells).rstrip(" ")


def fields(pairs: Sequence[tuple[str, str]], width: int | None) -> list[str]:
    """
    The lines of (name, value) pairs, with the values aligned. An empty name
    says that the value is one more of the name before it.
    """
    size = max(columns(name) for name, _ in pairs) + 2
    lines: list[str] = []
    for name, value in pairs:
        room = None if width is None else max(width - size, 20)
        first, *more = wrap(value, room)
        lines.append((pad(name, size) + first).rstrip(" "))
        lines += [" " * size + line for line in more]
    return lines


def _split(text: str, width: int) -> tuple[str, str]:
    """The longest beginning of the text that fits, and the rest."""
    used = 0
    for i, char in enumerate(text):
        used += _columns(char)
        if used > max(width, 1):
            return text[:i], text[i:]
    return text, ""


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Text for a terminal: harmless, indented, and in tables. Pure functions.

A text is one line, however long, so that it can be searched and copied: the
terminal wraps it. Only tables are fitted to the width of the terminal.

Widths are numbers of columns of the terminal. A wide character takes two of
them, and a combining one none. A width of None has no limit.
"""

from __future__ import annotations

import unicodedata

from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CUT = "..."

# Columns of a text that say something of it.
_LEAST = 24

# A line that belongs to the line above it begins with this.
INDENT = "    "


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
    return _beginning(text, width - len(CUT)) + CUT


def pad(text: str, width: int) -> str:
    """The text, and spaces behind it until it takes `width` columns."""
    return text + " " * (width - columns(text))


def indented(texts: Iterable[str]) -> list[str]:
    """The texts as lines that belong to the line above them."""
    return [INDENT + text for text in texts]


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
        would be wider than `width`. If it is the last one, and next to nothing
        would be left of it, it is a line of its own below each row, whole.
    """
    sizes = cell_widths([titles, *rows], width, flexible)
    is_last = flexible == len(titles) - 1
    if is_last and sizes[-1] < min(_LEAST, _longest(rows)):
        return _with_last_below(titles, rows)
    return [table_line(row, sizes) for row in [titles, *rows]]


def _longest(rows: Iterable[Sequence[str]]) -> int:
    return max((columns(row[-1]) for row in rows), default=0)


def _with_last_below(
    titles: Sequence[str], rows: Sequence[Sequence[str]]
) -> list[str]:
    """The lines of a table, the last cell of each row below it."""
    shorter = [row[:-1] for row in [titles, *rows]]
    sizes = cell_widths(shorter, None, -1)
    lines = [table_line(shorter[0], sizes)]
    for row, cells in zip(rows, shorter[1:]):
        lines.append(table_line(cells, sizes))
        lines += indented([row[-1]] if row[-1] else [])
    return lines


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


def table_line(
    row: Iterable[str], sizes: Iterable[int], whole: bool = False
) -> str:
    """
    One line of a table, its cells cut and padded to these widths.

    whole: nothing is cut; a longer cell moves those behind it.
    """
    cells = [
        pad(cell if whole else cut(cell, size), size)
        for cell, size in zip(row, sizes)
    ]
    return "  ".join(cells).rstrip(" ")


def fields(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """
    The lines of (name, value) pairs, one line a pair, with the values aligned.
    An empty name says that the value is one more of the name before it.
    """
    size = max(columns(name) for name, _ in pairs) + 2
    return [(pad(name, size) + value).rstrip(" ") for name, value in pairs]


def _beginning(text: str, width: int) -> str:
    """The longest beginning of the text that fits."""
    used = 0
    for i, char in enumerate(text):
        used += _columns(char)
        if used > max(width, 1):
            return text[:i]
    return text


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1

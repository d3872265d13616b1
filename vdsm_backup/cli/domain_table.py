# SPDX-License-Identifier: GPL-2.0-or-later
"""
The table of `list`, on a terminal of any width.

A name tells more than most columns, so these are given up first where names
would be cut. Then the UUID is given up but for its beginning, by which all
commands know the domain, too. What is cut even then is a line of its own below
the row, whole.
"""

from __future__ import annotations

from collections import namedtuple

from vdsm_backup.cli import layout
from vdsm_backup.text import SHORTEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TITLES = ("UUID", "KIND", "VER", "ATTACHED", "BACKUP", "NAME")
_NAME = len(TITLES) - 1

# Columns of a terminal: most names are not longer.
_LONG_NAME = 32

# Rows with room for those that are to come: all cells but the name, and with
# the least of a name by which it may be known.
_ROOM = ("-" * 36, "block", "-", "-" * 8, "unknown", "")
_ROOM_ON_TERMINAL = (*_ROOM[:_NAME], "-" * 16)


class _Shape(namedtuple("_Shape", "columns short")):
    """
    columns: the numbers of those that are shown. short: only the beginning of
        the UUID is.
    """

    __slots__ = ()
    columns: tuple[int, ...]
    short: bool

    def cells(self, row: Sequence[str]) -> list[str]:
        cells = [row[i] for i in self.columns]
        if self.short:
            cells[0] = cells[0][:SHORTEST]
        return cells


# All, and what is given up one after the other.
_SHAPES = [
    _Shape(columns, short)
    for short in (False, True)
    for columns in (
        (0, 1, 2, 3, 4, 5),
        (0, 1, 3, 4, 5),
        (0, 3, 4, 5),
        (0, 4, 5),
    )
]


class DomainTable:
    """
    A table that is printed row by row. The first rows decide its columns and
    their widths.
    """

    def __init__(
        self, rows: Iterable[Sequence[str]], width: int | None, more: bool
    ) -> None:
        """
        rows: the first ones. width: of the terminal; None: it is none, and
        nothing is cut. more: whether there may be others.
        """
        self._whole = width is None
        room: list[Sequence[str]] = []
        if more:
            room = [_ROOM if width is None else _ROOM_ON_TERMINAL]
        all_rows = [TITLES, *room, *rows]
        self._shape, self._sizes = _SHAPES[0], _sizes(_SHAPES[0], all_rows)
        if width is None:
            return
        for shape in _SHAPES:
            *others, name = _sizes(shape, all_rows)
            left = width - sum(others) - 2 * len(others)
            self._shape = shape
            self._sizes = [*others, max(left, len(TITLES[_NAME]))]
            if left >= min(name, _LONG_NAME):
                break

    @property
    def titles(self) -> str:
        return self.line(TITLES)

    def line(self, row: Sequence[str]) -> str:
        cells = self._shape.cells(row)
        return layout.table_line(cells, self._sizes, whole=self._whole)

    def cut(self, row: Sequence[str]) -> list[str]:
        """What belongs below the row, since it is cut there."""
        name = row[_NAME]
        if self._whole or layout.columns(name) <= self._sizes[-1]:
            return []
        return [f"name: {name}"]


def _sizes(shape: _Shape, rows: Iterable[Sequence[str]]) -> list[int]:
    return layout.cell_widths([shape.cells(row) for row in rows], None, -1)

# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support import commandline
from vdsm_backup.cli import layout

WIDE = "\u4e2d"
ACCENT = "e\u0301"


@pytest.mark.parametrize(
    "text, columns",
    [("", 0), ("abc", 3), (WIDE * 2, 4), (ACCENT, 1)],
)
def test_columns(text, columns):
    assert layout.columns(text) == columns


def test_harmless_cuts_nothing():
    text = "x" * 1000 + "\x1b[2J\n\u202e\x9b\ud800"
    shown = layout.harmless(text)
    assert shown == "x" * 1000 + r"\x1b[2J\n\u202e\x9b\ud800"
    assert commandline.hidden(shown) == []


@pytest.mark.parametrize(
    "text, width, expected",
    [
        ("abcdef", None, "abcdef"),
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "ab..."),
        (WIDE * 4, 8, WIDE * 4),
        # Two columns for dots and half a character are left.
        (WIDE * 4, 6, WIDE + "..."),
    ],
)
def test_cut(text, width, expected):
    assert layout.cut(text, width) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", ["  "]),
        ("one two", ["  one two"]),
        ("one two three", ["  one two", "  three"]),
        ("12345678 x", ["  12345678", "  x"]),
        ("123456789", ["  12345678", "  9"]),
        ("1 345678901", ["  1", "  34567890", "  1"]),
        (WIDE * 5, ["  " + WIDE * 4, "  " + WIDE]),
    ],
)
def test_wrap(text, expected):
    assert layout.wrap(text, 10, "  ") == expected


def test_wrap_loses_no_character():
    text = "a bc  def " + "g" * 30 + " h i"
    for width in range(1, 40):
        lines = layout.wrap(text, width)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert max(map(layout.columns, lines)) <= width


def test_no_width_no_wrap():
    assert layout.wrap("a b " * 100, None, "  ") == ["  " + "a b " * 100]


TITLES = ("ID", "NAME", "SEAL")
ROWS = [("1", "short", "valid"), ("2", "a longer name", "broken")]


def test_table_is_aligned():
    assert layout.table(TITLES, ROWS, None, 1) == [
        "ID  NAME           SEAL",
        "1   short          valid",
        "2   a longer name  broken",
    ]


def test_table_cuts_the_flexible_column():
    assert layout.table(TITLES, ROWS, 20, 1) == [
        "ID  NAME      SEAL",
        "1   short     valid",
        "2   a lon...  broken",
    ]


def test_table_keeps_its_titles():
    lines = layout.table(TITLES, ROWS, 5, 1)
    assert lines[0] == "ID  NAME  SEAL"


def test_fields():
    pairs = [("Name", "data1"), ("In use by", "VM web1"), ("", "VM web2")]
    assert layout.fields(pairs, None) == [
        "Name       data1",
        "In use by  VM web1",
        "           VM web2",
    ]


def test_fields_wrap():
    pairs = [("Note", "not seen: VMs of other hosts, and more")]
    assert layout.fields(pairs, 26) == [
        "Note  not seen: VMs of",
        "      other hosts, and",
        "      more",
    ]

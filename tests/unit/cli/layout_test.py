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


def test_indented_text_stays_one_line():
    text = "a b " * 100
    assert layout.indented([text, "c"]) == ["    " + text, "    c"]


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


@pytest.mark.parametrize("width", [34, 5])
def test_last_column_of_which_nothing_would_be_left(width):
    """Its texts are what the table is about, so they are whole."""
    text = "VM web1 cannot start, its disk is on it"
    rows = [("1", "set", text), ("12", "clear", "short"), ("3", "set", "")]
    assert layout.table(("N", "WHAT", "TEXT"), rows, width, 2) == [
        "N   WHAT",
        "1   set",
        f"    {text}",
        "12  clear",
        "    short",
        "3   set",
    ]


@pytest.mark.parametrize(
    "width, text",
    [(40, "x" * 26 + "..."), (35, "x" * 21 + "..."), (None, "x" * 50)],
)
def test_last_column_that_is_cut(width, text):
    rows = [("1", "set", "x" * 50), ("12", "clear", "short")]
    assert layout.table(("N", "WHAT", "TEXT"), rows, width, 2) == [
        "N   WHAT   TEXT",
        f"1   set    {text}",
        "12  clear  short",
    ]


def test_short_texts_stay_in_the_table():
    rows = [("1", "set", "short"), ("12", "clear", "-")]
    assert layout.table(("N", "WHAT", "TEXT"), rows, 16, 2)[1:] == [
        "1   set    short",
        "12  clear  -",
    ]


def test_table_keeps_its_titles():
    lines = layout.table(TITLES, ROWS, 5, 1)
    assert lines[0] == "ID  NAME  SEAL"


def test_fields():
    pairs = [("Name", "data1"), ("In use by", "VM web1"), ("", "VM web2")]
    assert layout.fields(pairs) == [
        "Name       data1",
        "In use by  VM web1",
        "           VM web2",
    ]

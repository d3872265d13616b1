# SPDX-License-Identifier: GPL-2.0-or-later
import errno
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdsm_backup import text

SD = "5d2b6f0e-3c1a-4b7d-9e8f-00000000000a"


def test_a_uuid():
    assert text.is_uuid(SD)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        SD.upper(),
        SD[:-1],
        SD + "0",
        SD + "\n",
        " " + SD,
        SD.replace("a", "g"),
        SD.replace("a", "\u0663"),
        SD.replace("-", "0"),
        SD.replace("-", ""),
        # The dashes are elsewhere.
        SD.replace("e-3", "-e3"),
        "-" * 36,
        "0" * 36,
    ],
)
def test_no_uuid(wrong):
    assert not text.is_uuid(wrong)


@given(st.text("09af-", min_size=34, max_size=38) | st.from_regex(text.UUID))
def test_the_regular_expression_says_the_same(given):
    assert text.is_uuid(given) == bool(re.fullmatch(text.UUID, given))


@pytest.mark.parametrize(
    "given, shown",
    [
        ("", ""),
        ("web1 \\ \"'", "web1 \\ \"'"),
        ("a\nb\x1b\x7f", "a\\nb\\x1b\\x7f"),
        ("\xe9\u202e\ud800", "\xe9\\u202e\\ud800"),
        ("x" * 256, "x" * 256),
        ("x" * 257, "x" * 253 + "..."),
        ("\n" * 200, "\\n" * 126 + "\\..."),
    ],
)
def test_harmless_to_show(given, shown):
    assert text.printable(given) == shown


@pytest.mark.parametrize("length", range(38))
def test_the_beginning_of_a_uuid(length):
    assert text.begins_uuid(SD[:length]) == (8 <= length < 36)


@pytest.mark.parametrize(
    "wrong", [SD[:9] + "-", SD[1:12], SD[:8] + "0", "g" * 8]
)
def test_what_begins_no_uuid(wrong):
    assert not text.begins_uuid(wrong)


def test_a_long_list():
    assert text.listed([]) == ""
    assert text.listed("ab") == "a, b"
    # Each once.
    assert text.listed("abcdaab", 4) == "a, b, c, d"
    assert text.listed("abcde", 3) == "a, b, c and 2 more"


def test_why_a_call_of_the_system_failed():
    """Without the "[Errno 13]" of Python."""
    for code in (errno.EACCES, errno.ENOSPC):
        words = os.strerror(code)
        assert text.os_reason(OSError(code, words)) == words
        assert text.os_reason(OSError(code, words, "/x")) == f"/x: {words}"
    assert text.os_reason(ValueError("null byte")) == "null byte"

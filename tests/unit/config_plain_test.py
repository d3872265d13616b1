# SPDX-License-Identifier: GPL-2.0-or-later
"""A plain file says what the parser of all files finds in it."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import ROOT
from vdsm_backup import config, config_parser, config_plain, errors

# What a configuration file may have, in any order, and what it should not.
PARTS = [
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "\x0b",
    "\x85",
    "\u2028",
    "\xa0",
    "\xe9",
    "#",
    ";",
    "[",
    "]",
    "[guard]",
    "[storage]\n",
    "[lvm]\n",
    "=",
    " = ",
    ":",
    "mode",
    "Mode",
    "io_timeout",
    "a-b",
    "30",
    "%",
    "# a comment\n",
    "mode = permissive\n",
    "devices=/dev/a, /dev/b\n",
]

TEXTS = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


@given(TEXTS | st.text(max_size=60))
@example("[a]\nmode = x\n y\n")
@example("[a]\nmode = x\n\n# c\n y\n")
@example("[a]b\n")
@example("[a] # b\nmode = x ; y\n")
@example("[a]\nmode = x\n[a]\n")
@example("[a]\nmode = x\nmode = y\n")
@example("mode = x\n")
@example("[]\n")
@example("[a]\n= x\n")
@example("[a]\nmode\n")
@example("[a]\nmode : x = y\n")
@example("[a]\nMODE = x\n")
@example("[a\x85]\n")
@example("[a]\nmode = x\x0by = z\n")
@example("\ufeff[a]\n")
def test_it_agrees_with_the_parser(text):
    found = config_plain.parse(text)
    if found is not None:
        assert found == config_parser.parse("x.conf", text)


@given(TEXTS)
def test_what_is_wrong_is_left_to_the_parser(text):
    try:
        config_parser.parse("x.conf", text)
    except errors.ConfigInvalid:
        assert config_plain.parse(text) is None


@pytest.mark.parametrize(
    "text, found",
    [
        ("", {}),
        ("\n# a\n  # [b]\n\t; c\n", {}),
        ("[a]", {"a": {}}),
        (
            "# x\n\n[a]\nmode = x = y\nio_timeout=30  \n[b c]\nmode =\n",
            {
                "a": {"mode": "x = y", "io_timeout": "30"},
                "b c": {"mode": ""},
            },
        ),
        ("[a]\nmode = \xe9 # b\n", {"a": {"mode": "\xe9 # b"}}),
    ],
)
def test_plain_files(text, found):
    assert config_plain.parse(text) == found


def test_the_default_file_is_plain():
    with open(os.path.join(ROOT, "contrib", "vdsm-backup.conf")) as f:
        found = config_plain.parse(f.read())
    assert found == dict.fromkeys(config.DEFAULTS, {})

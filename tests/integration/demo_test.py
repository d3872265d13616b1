# SPDX-License-Identifier: GPL-2.0-or-later
"""`make demo`, which is the first thing that README.md tells to run."""

import os
import re
import subprocess
from xml.etree import ElementTree

import pytest

from tests import ROOT
from tests.support import console
from tests.support.hooks.needs import needs_sanlock, slow_to_join
from tests.support.storage.blocktools import needs_block

PICTURE = os.path.join(ROOT, "docs", "demo.svg")
SVG = "{http://www.w3.org/2000/svg}"


def shown_by_the_picture():
    """If it is another run's: `make picture`."""
    (text,) = ElementTree.parse(PICTURE).iter(f"{SVG}desc")
    return text.text


def without_progress(text):
    """Which is shown on a terminal only."""
    return re.sub(r"(?m)^[a-z].* \.\.\.\n", "", text)


def test_the_picture_shows_what_it_was_drawn_from():
    elements = ElementTree.parse(PICTURE).iter(f"{SVG}text")
    drawn = "".join("".join(element.itertext()) for element in elements)
    expected = "make demo" + shown_by_the_picture()
    assert "".join(drawn.split()) == "".join(expected.split())


@pytest.fixture(scope="module")
def demo():
    done = subprocess.run(
        [os.path.join(ROOT, "contrib", "demo")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@slow_to_join
@needs_sanlock
def test_demo(demo):
    assert "is a backup domain now." in demo
    assert "(exit code 4)" in demo
    assert demo.endswith("All that was made is removed.\n")


@slow_to_join
@needs_sanlock
@needs_block
def test_the_picture_shows_the_demo(demo):
    for part in shown_by_the_picture().split("\n\n"):
        shown = console.alike(f"{without_progress(part)}\n")
        assert shown in console.alike(demo)

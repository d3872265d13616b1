# SPDX-License-Identifier: GPL-2.0-or-later
"""How often `make soak` repeats what it repeats, and how a run is repeated."""

import os
import re
import subprocess
import sys

import pytest

from tests import ROOT
from tests.support import programs

_TIMES = re.compile(r"soak\.times\(\(?([\d_]+)(?:, [\d, ]+\))?, \(?([\d_]+)")
_ROW = re.compile(r"(?m)^\|.*\| ([\d,]+) \| ([\d,]+) \|$")

# What make has, and the commands that it runs.
SHOW = 'shown: ; @echo "$(SEED),$$SEED"'

# Says what it draws: by random, and by hypothesis.
DRAWS = """\
import hypothesis
import pytest
from hypothesis import strategies as st

from tests.support import soak

drawn = []

@pytest.mark.soak
@hypothesis.given(st.integers())
def test_drawn(number):
    drawn.append(number)

@pytest.mark.soak
def test_said():
    print("drawn:", soak.choices("x").random(), drawn)
"""


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def pairs(pattern, text):
    return {
        tuple(int(re.sub("[,_]", "", number)) for number in found)
        for found in pattern.findall(text)
    }


def test_both_numbers_are_told():
    """In CONTRIBUTING.md: those that are in the tests, and no others."""
    tests = set()
    for directory, _, names in os.walk(os.path.join(ROOT, "tests")):
        for name in names:
            if name.endswith(".py"):
                tests |= pairs(_TIMES, read(os.path.join(directory, name)))
    page = read(os.path.join(ROOT, "CONTRIBUTING.md"))
    assert len(tests) > 5
    assert pairs(_ROW, page) == tests


@pytest.fixture
def draw(tmp_path):
    """What a run draws that has the seed."""
    path = tmp_path / "draws_test.py"
    path.write_text(DRAWS)
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider"]
    ours = ["--rootdir", ROOT, "-c", os.path.join(ROOT, "tox.ini")]
    plugin = ["-p", "tests.conftest", "-m", "soak", str(path)]

    def run(seed):
        done = subprocess.run(
            [*command, *ours, *plugin],
            cwd=tmp_path,
            env=programs.environ({"SEED": seed, "SOAK": "1"}),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"SEED={seed} repeats it" in done.stdout
        return re.search("drawn: .*", done.stdout).group()

    return run


def test_a_seed_repeats_all_of_it(draw):
    first = draw("1")
    assert draw("1") == first
    assert draw("2") != first


@pytest.mark.parametrize("given", ["5", None])
def test_make_takes_the_seed_of_the_environment(given):
    """And has one of its own otherwise."""
    environ = {**os.environ, "SEED": given or ""}
    if given is None:
        del environ["SEED"]
    done = subprocess.run(
        ["make", "--no-print-directory", "--eval", SHOW, "shown"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    seed, exported = re.fullmatch(r"(\d+),(\d*)\n", done.stdout).groups()
    assert exported == (given or "")
    assert given in (None, seed)

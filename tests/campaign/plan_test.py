# SPDX-License-Identifier: GPL-2.0-or-later
"""Plans are the same for the same seed, and leave nothing out."""

import errno
import itertools
import os
import shlex

import pytest

from tests.campaign import __main__ as program
from tests.campaign import plan
from tests.support.storage import hangfs

SEED = 1


def draw(part, count):
    return [plan.draw(part, SEED, number) for number in range(1, count + 1)]


@pytest.mark.parametrize("part", plan.PARTS)
def test_one_seed_gives_one_plan(part):
    assert draw(part, 50) == draw(part, 50)
    others = [plan.draw(part, SEED + 1, number) for number in range(1, 51)]
    assert [p.faults for p in draw(part, 50)] != [p.faults for p in others]


def test_the_command_repeats_the_case():
    one = plan.draw("held", 17, 4711)
    seed, _, *words = shlex.split(one.command())
    assert seed == "SEED=17"
    assert words[:2] == ["-m", "tests.campaign"]
    args = program._parser().parse_args(words[2:])
    assert plan.draw(args.part, 17, args.first) == one


def test_in_the_long_run_all_is_drawn():
    """As many as `make soak` has."""
    plans = draw("held", 1500)
    met = {
        (p.kind, f.what, f.target, f.how, f.at)
        for p in plans
        for f in p.faults
    }
    for kind, target in [
        ("file", "tool"),
        ("file", "writer"),
        ("file", "worker"),
        ("block", "tool"),
        ("block", "writer"),
        ("block", "lvm"),
    ]:
        for step, how in itertools.product(plan.WRITE[kind], ("KILL", "STOP")):
            assert (kind, "signal", target, how, step) in met
    calls = {m[:3] for m in met if m[1] in ("fail", "hang")}
    on_files = {m[2] for m in calls if m[0] == "file"}
    assert on_files == {*plan.CALLS, *plan.OF_DIRECTORY}
    assert on_files <= hangfs.OPS
    for what in ("fail", "hang"):
        on_block = {m[2] for m in calls if m[:2] == ("block", what)}
        assert on_block == set(plan.OF_DEVICE)
    assert {m[3] for m in met if m[1] == "fail"} == set(plan.ERRORS)
    for what in ("vdsm", "host", "lost", "late"):
        assert {m[0] for m in met if m[1] == what} >= {"file"}
    for kind in ("file", "block"):
        ours = [p for p in plans if p.kind == kind]
        assert {p.action for p in ours} == {"set", "clear", "restore"}
        assert {p.undo for p in ours} == {True, False}
    starts = {(p.kind, p.start) for p in plans}
    assert starts == {
        ("file", "whole"),
        ("file", "gone"),
        ("file", "broken"),
        ("block", "whole"),
        ("block", "broken"),
    }


@pytest.mark.parametrize("part, what", [("tool", "holder"), ("hosts", "")])
def test_the_other_parts(part, what):
    plans = draw(part, 50 if part == "hosts" else 450)
    faults = [f for p in plans for f in p.faults]
    if part == "hosts":
        assert {f.what for f in faults} == {"daemon", "frozen"}
        assert all(p.faults for p in plans)
    else:
        assert {p.joined for p in plans} == {True, False}
        assert what in {f.target for f in faults}
        assert "second" in {f.what for f in faults}


def test_errors_have_numbers():
    for name in plan.ERRORS:
        assert os.strerror(getattr(errno, name))

# SPDX-License-Identifier: GPL-2.0-or-later
import os
import select
import time

import pytest

from tests.support import programs
from tests.support.hooks.needs import needs_other_user
from tests.support.waiting import SOON
from vdsm_backup.processes import scripts


def talker(*args):
    return scripts.Script("tests.support.processes.talker", *args)


def spoken(one):
    """Waits until it has said something: a busy machine starts it late."""
    assert select.select([one.stdout], [], [], 30)[0]
    return one


def test_lines():
    one = talker('{"a": 1}', "[2]")
    scripts.collect([one], 10)
    assert one.lines == [{"a": 1}, [2]]
    assert one.ended


def test_arguments():
    one = scripts.Script("tests.support.processes.probe", "a b", "ü")
    scripts.collect([one], 10)
    assert one.lines[0]["args"] == ["a b", "ü"]


def test_many_lines_of_two_at_once():
    # One that is not read would stand still.
    both = [talker("much"), talker("much")]
    scripts.collect(both, 30)
    assert [len(one.lines) for one in both] == [20000, 20000]


def test_what_was_said_before_the_timeout_counts():
    one = spoken(talker("1", "2", "cut", "hang"))
    start = time.monotonic()
    scripts.collect([one], 1)
    assert time.monotonic() - start < SOON
    assert one.lines == [1, 2]
    assert not one.ended


def test_one_that_never_stops_talking():
    one = spoken(talker("for ever"))
    start = time.monotonic()
    scripts.collect([one], 1)
    assert time.monotonic() - start < SOON
    assert one.lines and not one.ended


def test_a_slow_one_does_not_delay_another():
    slow = talker("hang")
    fast = spoken(talker("1"))
    scripts.collect([slow, fast], 1)
    assert (slow.ended, fast.ended, fast.lines) == (False, True, [1])


def test_those_that_are_slow_are_told(monkeypatch):
    slow, fast = talker("hang"), spoken(talker("1"))
    while not fast.ended:
        fast.read()
    monkeypatch.setattr(scripts, "SLOW", 0)
    told = []
    scripts.collect([slow, fast], 1, told.append)
    assert told == [[slow]]
    assert (fast.lines, slow.ended) == ([1], False)


def test_killed_at_the_timeout():
    one = spoken(talker("pid", "hang"))
    scripts.collect([one], 1)
    with pytest.raises(ProcessLookupError):
        os.kill(one.lines[0], 0)


def test_one_that_dies():
    one = talker("1", "die")
    scripts.collect([one], 10)
    assert one.lines == [1]
    assert one.ended


def test_it_has_no_file_of_ours():
    read, write = os.pipe()
    stdin = os.dup(0)
    os.set_inheritable(write, True)
    os.dup2(read, 0)
    try:
        one = talker("files")
        scripts.collect([one], 10)
    finally:
        os.dup2(stdin, 0)
        for fd in (read, write, stdin):
            os.close(fd)
    [line] = one.lines
    assert line["names"][0] == line["names"][2] == "/dev/null"
    assert line["names"][1].startswith("pipe:")
    assert line["others"] == 1


def test_environment_brings_no_code(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one = talker("1")
    scripts.collect([one], 10)
    assert one.lines == [1]


@needs_other_user
def test_root_as_another_user():
    module = "tests.support.processes.script_as_vdsm"
    assert programs.run(module, check=True).stdout == f"{[36] * 6}\n"


def test_one_that_says_too_much(monkeypatch):
    monkeypatch.setattr(scripts, "MAX_SAID", 100_000)
    one = talker("for ever")
    scripts.collect([one], 60)
    assert one.ended and one.said_too_much
    assert 0 < len(one.lines) <= 100_000 // len("1\n")

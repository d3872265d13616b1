# SPDX-License-Identifier: GPL-2.0-or-later
import threading
import time

import pytest

from tests.support.waiting import RUNS_OUT
from vdsm_backup.processes import jobs as jobs_module
from vdsm_backup.processes.jobs import Jobs, telling


def soon(seconds):
    end = time.monotonic() + seconds
    return lambda: end


def test_results_and_errors():
    def fail():
        raise ValueError("no")

    jobs = Jobs({"a": lambda: 1, "b": fail})
    found = {
        key: (result, error) for key, result, error in jobs.results(soon(9))
    }
    assert found["a"] == (1, None)
    assert isinstance(found["b"][1], ValueError)
    assert jobs.waiting == set()


def test_a_stuck_job_holds_up_nobody():
    release = threading.Event()
    jobs = Jobs({"stuck": release.wait, "quick": lambda: 1})
    try:
        results = jobs.results(soon(RUNS_OUT))
        assert next(results) == ("quick", 1, None)
        assert list(results) == []
        assert jobs.waiting == {"stuck"}
    finally:
        release.set()


def test_the_deadline_may_come_nearer():
    release = threading.Event()
    jobs = Jobs({"stuck": release.wait, "quick": lambda: 1})
    end = [time.monotonic() + 60]
    try:
        for _ in jobs.results(lambda: end[0]):
            end[0] = time.monotonic()
        assert jobs.waiting == {"stuck"}
    finally:
        release.set()


def test_a_result_that_is_there_is_not_lost_at_the_deadline():
    jobs = Jobs({"a": lambda: 1})
    time.sleep(0.2)
    past = time.monotonic() - 1
    assert [r[0] for r in jobs.results(lambda: past)] == ["a"]


@pytest.mark.parametrize("count", [0, 50])
def test_many(count):
    jobs = Jobs({n: lambda n=n: n * n for n in range(count)})
    assert {r[0]: r[1] for r in jobs.results(soon(9))} == {
        n: n * n for n in range(count)
    }


def test_a_job_that_is_added_by_a_result():
    running = Jobs({"a": lambda: 1})
    found = {}
    for key, result, _ in running.results(lambda: time.monotonic() + 60):
        found[key] = result
        if key == "a":
            running.add("b", lambda: 2)
    assert found == {"a": 1, "b": 2}
    assert not running.waiting


def test_parts_come_before_the_end():
    release = threading.Event()

    def job():
        running.tell("a", 1)
        running.tell("a", 2)
        release.wait(60)
        return 3

    running = Jobs({})
    running.add("a", job)
    results = running.results(soon(9))
    assert [next(results)[1], next(results)[1]] == [1, 2]
    assert running.waiting == {"a"}
    release.set()
    assert list(results) == [("a", 3, None)]
    assert not running.waiting


def test_results_go_on_after_a_deadline():
    release = threading.Event()
    jobs = Jobs({"a": release.wait})
    assert list(jobs.results(time.monotonic)) == []
    release.set()
    assert list(jobs.results(soon(9))) == [("a", True, None)]


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(jobs_module, "SLOW", 0)


def test_what_is_slow_is_told_when_it_changes(at_once):
    events = {key: threading.Event() for key in "cba"}
    told = []

    def slow(keys):
        told.append(keys)
        if keys[-1] != "a":
            # A part is no end: the same is not told twice.
            jobs.tell(keys[-1], "part")
            events[keys[-1]].set()
        else:
            events["a"].set()

    jobs = Jobs({key: e.wait for key, e in events.items()}, slow)
    found = [
        key for key, result, _ in jobs.results(soon(60)) if result is True
    ]
    assert found == ["c", "b", "a"]
    assert told == [["a", "b", "c"], ["a", "b"], ["a"]]


def test_what_is_slow_is_told_by_a_later_call(at_once):
    """A call that ends sooner leaves it to the next one."""
    release = threading.Event()
    told = []
    jobs = Jobs(
        {"a": release.wait}, lambda keys: (told.append(keys), release.set())
    )
    assert list(jobs.results(lambda: 0)) == []
    assert told == []
    assert list(jobs.results(soon(60))) == [("a", True, None)]
    assert told == [["a"]]


def test_what_is_quick_is_not_told():
    told = []
    jobs = Jobs({"a": lambda: 1}, told.append)
    assert list(jobs.results(soon(60))) == [("a", 1, None)]
    assert told == []


def test_what_is_slow_in_this_thread_is_told(at_once):
    told, was_told = [], threading.Event()
    with telling(["a"], lambda keys: (told.append(keys), was_told.set())):
        assert was_told.wait(60)
    assert told == [["a"]]


def test_what_is_not_slow_is_not_told(monkeypatch):
    monkeypatch.setattr(jobs_module, "SLOW", 60)
    before = threading.active_count()
    with telling(["a"], pytest.fail):
        (timer,) = [
            thread
            for thread in threading.enumerate()
            if isinstance(thread, threading.Timer)
        ]
    timer.join(30)
    assert not timer.is_alive()
    with telling(["a"], None):
        assert threading.active_count() == before

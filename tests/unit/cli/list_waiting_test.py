# SPDX-License-Identifier: GPL-2.0-or-later
"""
What `list` does while places do not answer. A FUSE file system that hangs is
in integration/cli_test.py.
"""

import threading
import time

import pytest

from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from tests.support.waiting import SOON
from vdsm_backup import errors
from vdsm_backup.cli import survey
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import discovery, sources

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"


class Places:
    """Two places, one of which waits until it is let go."""

    def __init__(self, slow):
        self.go = threading.Event()
        fast = MemoryStorage(A, md_lines.flush(filedomain.metadata(A)))
        self.jobs = {
            "fast": lambda: ([fast], []),
            "slow": lambda: (self.go.wait(10), slow)[1],
        }


def test_rows_are_not_kept_waiting():
    late = MemoryStorage(B, md_lines.flush(filedomain.metadata(B)))
    places = Places(([late], []))
    batches = survey.Survey(places.jobs, 10).batches(0.1)
    assert [answer.storage.sd_id for answer in next(batches)] == [A]
    places.go.set()
    rest = [answer for batch in batches for answer in batch]
    assert [answer.storage.sd_id for answer in rest] == [B]


def test_first_rows_come_when_all_is_quiet():
    places = Places(([], []))
    answers = survey.Survey(places.jobs, 600)
    batches = answers.batches(600, quiet=0.01)
    assert [answer.storage.sd_id for answer in next(batches)] == [A]
    assert not answers.is_complete
    places.go.set()
    assert [answer for batch in batches for answer in batch] == []
    assert answers.is_complete


def test_quiet_without_a_row_is_no_end():
    """A table would have its widths from nothing."""
    late = MemoryStorage(B, md_lines.flush(filedomain.metadata(B)))
    places = Places(([late], []))
    places.jobs["fast"] = lambda: ([], [])
    batches = survey.Survey(places.jobs, 600).batches(600, quiet=0)
    threading.Timer(0.2, places.go.set).start()
    assert [answer.storage.sd_id for answer in next(batches)] == [B]


def test_nothing_is_waited_for_forever(monkeypatch):
    monkeypatch.setattr(discovery, "GRACE", 0)
    places = Places(([], []))
    started = time.monotonic()
    answers = survey.Survey(places.jobs, 0.2).all()
    assert time.monotonic() - started < SOON
    places.go.set()
    late = answers[-1]
    assert (late.source, type(late.error)) == ("slow", errors.StorageTimeout)
    assert len(answers) == 2


@pytest.mark.parametrize(
    "place, kind", [(sources.BLOCK_DEVICES, "block"), ("/x", "file")]
)
def test_kind_of_a_place_that_never_answers(monkeypatch, place, kind):
    monkeypatch.setattr(discovery, "GRACE", 0)
    go = threading.Event()
    (answer,) = survey.Survey({place: lambda: go.wait(10)}, 0.2).all()
    go.set()
    assert (answer.source, answer.kind) == (place, kind)


def test_storage_that_never_answers(monkeypatch):
    monkeypatch.setattr(discovery, "GRACE", 0)
    go = threading.Event()
    stuck = MemoryStorage(B, [])
    stuck.read = lambda: go.wait(10)
    places = {"stuck": lambda: ([stuck], [])}
    (answer,) = survey.Survey(places, 0.2).all()
    go.set()
    assert answer.storage is stuck
    assert isinstance(answer.error, errors.StorageTimeout)


def test_a_mount_has_one_reader_at_a_time():
    """Its FileIO is for one thread."""
    reading = []

    def read():
        reading.append(threading.current_thread())
        time.sleep(0.05)
        return []

    storages = [MemoryStorage(A, []) for _ in range(5)]
    for storage in storages:
        storage.read = read
    survey.Survey({"mount": lambda: (storages, [])}, 10).all()
    assert len(reading) == 5 and len(set(reading)) == 1


def test_a_fault_of_a_reader_is_not_swallowed():
    def broken():
        raise LookupError("why")

    try:
        survey.Survey({"place": broken}, 10).all()
    except LookupError:
        return
    raise AssertionError("no error")

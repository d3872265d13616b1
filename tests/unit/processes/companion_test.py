# SPDX-License-Identifier: GPL-2.0-or-later
"""
A companion whose child says what it should not. tests/integration has the
real child.
"""

import errno
import os
import threading
import time

import pytest

from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio.reader_client import ReadingFileIO
from vdsm_backup.processes import companion, companion_child

ANSWER = companion_child.ANSWER


class Child:
    """companion: whose child the test is."""

    def __init__(self):
        self._requests, to_requests = os.pipe()
        answers, self._answers = os.pipe()
        # No child of ours.
        self.companion = companion.Companion(1, to_requests, answers)

    def request(self):
        """(number, data)"""
        data = os.read(self._requests, companion_child.MAX_REQUEST)
        number, name, _ = companion_child.REQUEST.unpack_from(data)
        return number, data[companion_child.REQUEST.size + name :]

    def say(self, number, end, data=b"", size=None):
        head = ANSWER.pack(number, end, len(data) if size is None else size)
        os.write(self._answers, head + data)

    def close(self):
        os.close(self._requests)
        os.close(self._answers)


@pytest.fixture
def child():
    child = Child()
    yield child
    child.close()


def soon():
    return time.monotonic() + 30


def test_answers_for_nobody(child):
    with child.companion.ask("lstat", b"", soon()) as asked:
        number, _ = child.request()
        child.say(number + 1, 0, b"other")
        child.say(number, 0, b"mine")
        assert asked.next(soon()) == (False, b"mine")
        child.say(number, 0, b"once more")
    # It is not the answer of the next one.
    with child.companion.ask("lstat", b"", soon()) as asked:
        child.say(number, 0, b"late")
        child.say(child.request()[0], errno.EIO)
        with pytest.raises(OSError) as e:
            asked.next(soon())
        assert e.value.errno == errno.EIO


def test_parts(child):
    with child.companion.ask("follow", b"", soon()) as asked:
        number, _ = child.request()
        for part in (b"1", b"2"):
            child.say(number, companion_child.MORE, part)
        child.say(number, 0)
        told = [asked.next(soon()) for _ in range(3)]
    assert told == [(True, b"1"), (True, b"2"), (False, b"")]


def test_an_answer_of_any_length(child):
    """The rest of it would be taken for another answer, and take memory."""
    with child.companion.ask("lstat", b"", soon()) as asked:
        number, _ = child.request()
        child.say(number, 0, size=companion.MAX_ANSWER + 1)
        with pytest.raises(companion.Gone):
            asked.next(soon())
    with pytest.raises(companion.Gone):
        child.companion.ask("lstat", b"", soon())


@pytest.mark.parametrize("size", [0, 87, 89])
def test_a_status_that_makes_no_sense(child, size):
    def answer():
        child.say(child.request()[0], 0, b"x" * size)

    thread = threading.Thread(target=answer)
    thread.start()
    with ReadingFileIO(child.companion, "test", 30) as io:
        with pytest.raises(fileio.Closed, match="makes no sense"):
            io.lstat("/")
    thread.join()


def test_parts_without_an_end(child, monkeypatch):
    """What hostile storage has a call say takes no memory without limit."""
    monkeypatch.setattr(companion, "MAX_SAID", 100)
    with child.companion.ask("follow", b"", soon()) as asked:
        number, _ = child.request()
        with child.companion.ask("lstat", b"", soon()) as other:
            other_number, _ = child.request()
            for _ in range(20):
                child.say(number, companion_child.MORE, b"x" * 20)
            child.say(other_number, 0, b"mine")
            assert other.next(soon()) == (False, b"mine")
        told = []
        with pytest.raises(OSError) as e:
            while True:
                told.append(asked.next(soon()))
    assert e.value.errno == errno.EFBIG
    assert len(told) == 3


def test_a_fault_of_ours(child):
    """It is not told as an error of the storage."""
    with child.companion.ask("lstat", b"", soon()) as asked:
        number, _ = child.request()
        child.say(number, companion_child.FAULT, b"KeyError\0'x' (calls.py:3)")
        with pytest.raises(errors.InternalError) as e:
            asked.next(soon())
    assert str(e.value) == "Unexpected KeyError: 'x' (calls.py:3)"


def test_a_file_io_goes_on_after_a_fault_of_ours(child):
    def answer():
        child.say(child.request()[0], companion_child.FAULT, b"KeyError\0x")
        child.say(child.request()[0], 0, b"a\0")

    thread = threading.Thread(target=answer)
    thread.start()
    with ReadingFileIO(child.companion, "test", 30) as io:
        with pytest.raises(errors.InternalError):
            io.listdir("/")
        assert io.listdir("/") == ["a"]
    thread.join()

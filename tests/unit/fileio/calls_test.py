# SPDX-License-Identifier: GPL-2.0-or-later
"""
The limits of what the worker takes into memory. What it does to storage, and
does not, is in tests/integration, for both backends.
"""

import errno
import os

import pytest

from vdsm_backup.fileio import calls


@pytest.fixture
def worker():
    return calls.Calls(b"/")


@pytest.mark.parametrize(
    "limit, value", [("MAX_NAMES", 5), ("MAX_LISTING", 5 * len("name1") + 5)]
)
def test_a_directory_of_many_names(
    worker, tmp_path, monkeypatch, limit, value
):
    monkeypatch.setattr(calls, limit, value)
    for number in range(5):
        (tmp_path / f"name{number}").touch()
    path = os.fsencode(tmp_path)
    _, names = worker.listdir(b"", path)
    assert sorted(names.split(b"\0"))[1:] == [b"name%d" % n for n in range(5)]
    (tmp_path / "name5").touch()
    with pytest.raises(OSError) as e:
        worker.listdir(b"", path)
    assert e.value.errno == errno.EFBIG


def test_a_directory_is_given_up_early(worker, tmp_path, monkeypatch):
    """A server that has names without end is not listened to for ever."""

    class Endless:
        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

        def __iter__(self):
            while True:
                yield self

        name = "x" * 255

    monkeypatch.setattr(calls.os, "scandir", lambda fd: Endless())
    with pytest.raises(OSError) as e:
        worker.listdir(b"", os.fsencode(tmp_path))
    assert e.value.errno == errno.EFBIG


def test_a_file_that_was_replaced_is_opened_again(
    worker, tmp_path, monkeypatch
):
    """NFS: between the lookup of the name and the open."""
    path = tmp_path / "file"
    path.write_bytes(b"data")
    answers = [errno.ESTALE, errno.ESTALE, None, errno.ESTALE, errno.EIO]
    real = calls.regular_files.open_file

    def open_file(*args):
        answer = answers.pop(0)
        if answer:
            raise OSError(answer, "")
        return real(*args)

    monkeypatch.setattr(calls.regular_files, "open_file", open_file)
    assert worker.readfile(b"", os.fsencode(path), False) == (None, b"data")
    with pytest.raises(OSError) as e:
        worker.readfile(b"", os.fsencode(path), False)
    assert e.value.errno == errno.EIO
    assert answers == []

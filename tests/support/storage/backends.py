# SPDX-License-Identifier: GPL-2.0-or-later
"""
The backends of fileio for parametrized tests, and processes that use them.

A backend is a value of [storage] ioprocess, or READER: `embedded`, where it
only reads, by a companion.
"""

import os
import subprocess

import pytest

from tests.support import programs
from tests.support.processes import proc
from vdsm_backup.fileio import choose, reader_client
from vdsm_backup.processes import companion


def _ioprocess_missing():
    try:
        import ioprocess  # noqa: F401
    except ImportError as e:
        return str(e)
    return None


MISSING = _ioprocess_missing()

BACKENDS = [
    pytest.param("embedded"),
    pytest.param(
        "installed",
        marks=pytest.mark.skipif(
            MISSING is not None, reason=f"ioprocess is missing: {MISSING}"
        ),
    ),
]

READER = "reader"

# For tests that only read.
reading = pytest.mark.parametrize(
    "backend", [*BACKENDS, READER], indirect=True
)


def with_calls(name, calls, *reads):
    """
    For tests of each of these calls, one at a time, in the argument `name`;
    READER has only those that read.
    """
    pairs = [
        pytest.param(*backend.values, call, marks=backend.marks)
        for backend in BACKENDS
        for call in calls
    ]
    pairs += [(READER, call) for call in calls if call in reads]
    return pytest.mark.parametrize(
        f"backend, {name}", pairs, indirect=["backend"]
    )


def open_io(backend, name, timeout, base="/"):
    """A FileIO; of READER one that shares its child with others of ours."""
    if backend != READER:
        return choose.open(backend, name, timeout, base)
    return reader_client.ReadingFileIO(_shared(), name, timeout, base)


def new_reader():
    """A companion that reads. Its child ends with us, if it is not killed."""
    requests, to_requests = os.pipe()
    answers, to_answers = os.pipe()
    theirs = (requests, to_answers)
    module = "tests.support.fileio.forkedreader"
    done = programs.run(module, *theirs, pass_fds=theirs, check=True)
    for fd in theirs:
        os.close(fd)
    return companion.Companion(int(done.stdout), to_requests, answers)


_readers = []


def _shared():
    if not _readers or not proc.running(_readers[-1].pid):
        _readers.append(new_reader())
    return _readers[-1]


def run(function, backend, timeout, *args, stdout=subprocess.PIPE):
    """A process that uses fileio: see support/fileio/user.py."""
    return programs.start(
        *("tests.support.fileio.user", function, backend, timeout, *args),
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Both backends of fileio for parametrized tests, and processes that use them.
"""

import os
import subprocess

import pytest

from tests.support import programs


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


def run(function, backend, timeout, *args, stdout=subprocess.PIPE):
    """A process that uses fileio: see support/fileio/user.py."""
    return programs.start(
        *("tests.support.fileio.user", function, backend, timeout, *args),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def running(pid):
    """
    A thread of it is there, and no zombie that nobody has waited for. Of a
    killed process, the first thread is one while another one is stuck.
    """
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(_state(pid, tid) not in ("Z", None) for tid in tasks)


def _state(pid, tid):
    try:
        with open(f"/proc/{pid}/task/{tid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None

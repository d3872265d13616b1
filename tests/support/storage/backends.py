# SPDX-License-Identifier: GPL-2.0-or-later
"""
Both backends of fileio for parametrized tests, and processes that use them.
"""

import os
import subprocess
import sys
import time

import pytest

from tests import ROOT


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


def run(code, *args, stdout=subprocess.PIPE):
    """
    Start a Python process that can import us. It does what the command line
    does: it moves its own standard output away. It prints to stderr.
    """
    preamble = (
        "import os, sys, threading\n"
        "from vdsm_backup.fileio import base, choose\n"
        "def say(text): print(text, file=sys.stderr, flush=True)\n"
        "def move_stdout():\n"
        "    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)\n"
    )
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return subprocess.Popen(
        [sys.executable, "-c", preamble + code, *args],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, *path])},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
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


def wait_until(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} seconds")
        time.sleep(0.01)

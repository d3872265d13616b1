# SPDX-License-Identifier: GPL-2.0-or-later
"""
Both backends of fileio for parametrized tests, and processes that use them.
"""

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
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )

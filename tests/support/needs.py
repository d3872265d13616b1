# SPDX-License-Identifier: GPL-2.0-or-later
"""Marks of tests that cannot run everywhere; each skip says why."""

import os
import sys

import pytest

from tests.support import hangfs, sanlockd

needs_fuse = pytest.mark.skipif(
    hangfs.missing() is not None, reason=str(hangfs.missing())
)
needs_sanlock = pytest.mark.skipif(
    sanlockd.missing() is not None, reason=str(sanlockd.missing())
)


def _no_other_user():
    """Why a test cannot run our code as another user, or ""."""
    if os.geteuid() != 0:
        return "only root can become another user"
    path = os.path.realpath(sys.executable)
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return f"another user cannot run this Python: {path} is closed"
        path = os.path.dirname(path)
    return ""


needs_other_user = pytest.mark.skipif(
    bool(_no_other_user()), reason=_no_other_user()
)

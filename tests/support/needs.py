# SPDX-License-Identifier: GPL-2.0-or-later
"""Marks of tests that cannot run everywhere; each skip says why."""

import pytest

from tests.support import hangfs, sanlockd

needs_fuse = pytest.mark.skipif(
    hangfs.missing() is not None, reason=str(hangfs.missing())
)
needs_sanlock = pytest.mark.skipif(
    sanlockd.missing() is not None, reason=str(sanlockd.missing())
)

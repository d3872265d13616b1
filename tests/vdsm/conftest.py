# SPDX-License-Identifier: GPL-2.0-or-later
"""
These tests run against the real VDSM, where it can be imported: on a host, or
from a checkout that was set up by its own instructions and is on PYTHONPATH,
with what it needs.
"""

import pytest


def _missing():
    try:
        import vdsm.storage.blockSD  # noqa: F401
        import vdsm.storage.fileSD  # noqa: F401
    except ImportError as e:
        return f"VDSM cannot be imported: {e}"
    return ""


MISSING = _missing()


def pytest_collection_modifyitems(items):
    if MISSING:
        for item in items:
            if "tests/vdsm/" in str(item.path):
                item.add_marker(pytest.mark.skip(reason=MISSING))

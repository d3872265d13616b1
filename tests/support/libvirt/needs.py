# SPDX-License-Identifier: GPL-2.0-or-later
"""The mark of tests with a real libvirtd."""

import pytest

from tests.support.libvirt import daemon

needs_libvirtd = pytest.mark.skipif(
    bool(daemon.missing()), reason=daemon.missing()
)

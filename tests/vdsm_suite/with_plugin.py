# SPDX-License-Identifier: GPL-2.0-or-later
"""
A pytest plugin that puts our plugin into VDSM before any test is imported, as
the launcher does before VDSM runs.

VMs of VDSM's tests have disks on domains that do not exist. For these the
guard reads metadata without a flag: real VDSM would search all storage for
such a domain, ask supervdsm, which is not there, and panic. Where tests make
domains, the guard reads those.

The tests of PersistentDict store what is no metadata of a domain. There the
plugin does not ask for it; else each of them would fail for that.
"""

import os

import pytest

from vdsm_backup import config
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.plugin import gatekeeper, install, metadata

#: Name of the environment variable with the path of the configuration file.
CONFIG = "VDSM_SUITE_CONFIG"

# Below the checkout: tests that make domains, and those of PersistentDict.
_MAKES_DOMAINS = "tests/storage/"
_PERSISTENT = "tests/storage/persistent_test.py"

_IDENTITY = metadata.IDENTITY

_read_lines = gatekeeper._read_lines
_makes_domains = False


def read_lines(sd_id):
    if _makes_domains:
        return _read_lines(sd_id)
    return md_lines.flush(
        {
            "CLASS": "Data",
            "DESCRIPTION": "of VDSM's tests",
            "POOL_UUID": "",
            "SDUUID": sd_id,
            "VERSION": "5",
        }
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests():
    gatekeeper._read_lines = read_lines
    # No other host replaces a file that is missing.
    metadata.RETRY_FOR = 0
    install.install(config.load(os.environ[CONFIG]))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    global _makes_domains
    _makes_domains = item.nodeid.startswith(_MAKES_DOMAINS)
    persistent = item.nodeid.startswith(_PERSISTENT)
    metadata.IDENTITY = () if persistent else _IDENTITY

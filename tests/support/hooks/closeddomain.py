# SPDX-License-Identifier: GPL-2.0-or-later
"""A file domain that only vdsm:kvm may enter."""

import os

from tests.support.hooks.needs import VDSM
from tests.support.storage import filedomain


def make(host):
    domain = host.file_domain(owner=VDSM)
    os.chmod(domain.directory, 0o700)
    return domain


def flag(domain, value):
    domain.flag(value)
    path = filedomain.path(domain.mount, domain.sd_id)
    os.chown(path, *VDSM)
    os.chmod(path, 0o600)

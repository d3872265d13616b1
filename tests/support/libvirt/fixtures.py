# SPDX-License-Identifier: GPL-2.0-or-later
"""
Fixtures of the tests of libvirt's hook with a real libvirtd. A module has one,
which costs seconds; a test finds no VM there.

    pytest_plugins = ["tests.support.libvirt.fixtures"]
"""

import pytest

from tests.support.hooks import hookhost
from tests.support.hooks.needs import VDSM
from tests.support.libvirt import daemon, images


@pytest.fixture(scope="module")
def libvirt_host():
    """As on a hypervisor, its hook reads storage as vdsm."""
    with hookhost.reading_as_vdsm() as libvirt_host:
        yield libvirt_host


@pytest.fixture(scope="module")
def shared_libvirtd(libvirt_host):
    with daemon.Libvirtd(libvirt_host.hooks) as libvirtd:
        yield libvirtd


@pytest.fixture
def libvirtd(shared_libvirtd):
    yield shared_libvirtd
    shared_libvirtd.forget()


@pytest.fixture(scope="module")
def vms(libvirt_host):
    """A domain that is never flagged."""
    return make_domain(libvirt_host, "vms")


@pytest.fixture
def backups(shared_backups):
    """A domain; a test flags it when it likes."""
    shared_backups.flag("False")
    return shared_backups


@pytest.fixture(scope="module")
def shared_backups(libvirt_host):
    return make_domain(libvirt_host, "backups")


def make_domain(libvirt_host, name):
    domain = libvirt_host.file_domain(name=name, owner=VDSM)
    images.make(domain.path)
    return domain

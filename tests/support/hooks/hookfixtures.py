# SPDX-License-Identifier: GPL-2.0-or-later
"""
Fixtures of the tests of hooks; a test leaves the flags as it likes.

    pytest_plugins = ["tests.support.hooks.hookfixtures"]
"""

import pytest

from tests.support.hooks import hookhost
from tests.support.storage import loop
from tests.support.storage.blocktools import needs_block


@pytest.fixture(scope="module")
def hook_dir():
    """A directory of this module; all lvm in this process is ours alone."""
    with loop.own_directory() as path:
        yield path


@pytest.fixture(scope="module")
def shared_host(hook_dir):
    with hookhost.HookHost(hook_dir) as guarded_host:
        yield guarded_host


@pytest.fixture
def guarded_host(shared_host):
    shared_host.guard()
    return shared_host


def _param(kind, version):
    marks = [needs_block] if kind == "block" else []
    return pytest.param((kind, version), marks=marks, id=f"{kind}-V{version}")


@pytest.fixture(
    scope="module",
    params=[_param(k, v) for k in ("file", "block") for v in (4, 5)],
)
def any_domain(request, shared_host):
    """Of each kind and version."""
    return _make(shared_host, request.param)


@pytest.fixture(scope="module", params=[_param("file", 5), _param("block", 5)])
def domain(request, shared_host):
    """Of each kind."""
    return _make(shared_host, request.param)


@pytest.fixture(scope="module")
def nfs(shared_host):
    return shared_host.file_domain()


@pytest.fixture(scope="module")
def san(shared_host):
    """Of tests that say needs_block."""
    return shared_host.block_domain()


@pytest.fixture(scope="module")
def other(shared_host):
    """A file domain that is never flagged."""
    return shared_host.file_domain(name="vms")


def _make(guarded_host, param):
    kind, version = param
    if kind == "block":
        return guarded_host.block_domain(version)
    return guarded_host.file_domain(version)

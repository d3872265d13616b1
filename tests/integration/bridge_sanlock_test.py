# SPDX-License-Identifier: GPL-2.0-or-later
"""From the tick to the flag where the lease of the domain is sanlock's."""

import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import sshd  # noqa: E402
from tests.support.bridge.scene import RealHost, Scene  # noqa: E402
from tests.support.hooks.needs import (  # noqa: E402
    needs_command,
    needs_sanlock,
)

pytest_plugins = [
    "tests.support.bridge.fixtures",
    "tests.support.clifixtures",
]

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="sshd needs root"),
    pytest.mark.slow("sanlock joins a lockspace"),
    needs_command("ssh"),
    needs_command(sshd.SSHD),
    needs_sanlock,
]


@pytest.fixture(scope="module")
def real(sanlock):
    with RealHost(sanlock=sanlock, settle=3) as made:
        yield made


@pytest.fixture
def scene(stand_in, real):
    with Scene(stand_in, real) as made:
        yield made


def test_tick_untick_and_clear(scene, real):
    domain = scene.domain(TYPE="NFS")
    real.host.initialize(domain.id)
    scene.polls(2)
    scene.engine.edit(domain, backup=True)
    scene.polls()
    by = "anna@internal via bridge engine1"
    assert scene.flag(domain) == ("True", by), scene.row(domain).why
    assert domain.id not in real.host.sanlock.call("lockspaces")
    scene.polls(2)
    scene.engine.edit(domain, backup=False)
    scene.polls(4)
    assert "unticked by anna@internal" in scene.told()[0]
    scene.clear(domain)
    scene.compare()
    assert (scene.row(domain).why, scene.row(domain).flag) == ("", "off")
    assert len(scene.told()) == 1


def test_lease_that_another_host_has(scene, real, sanlock):
    """It is tried again, and done when the lease is free."""
    from tests.support.lease import sanlockd

    domain = scene.domain(TYPE="NFS")
    leases = real.host.initialize(domain.id)
    scene.polls(2)
    with sanlockd.Host("other") as other:
        other.join(leases, 2)
        with other.holding(leases):
            scene.engine.edit(domain, backup=True)
            scene.polls(2)
            assert scene.flag(domain) == (None, None)
            assert "it was tried and failed" in scene.row(domain).why
        other.leave(leases, 2)
    scene.later(60).polls()
    assert scene.flag(domain)[0] == "True", scene.row(domain).why
    assert scene.told() == []

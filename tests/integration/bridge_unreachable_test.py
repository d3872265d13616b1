# SPDX-License-Identifier: GPL-2.0-or-later
"""
A host that does not answer: its sshd and all that it has started stand still,
and no connection ends. Real ssh and sshd, the real agent and command line.
"""

import signal
import subprocess

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import sshd  # noqa: E402
from tests.support.bridge.engine_things import (  # noqa: E402
    DataCenter,
    StorageDomain,
)
from tests.support.bridge.process import in_its_place  # noqa: E402
from tests.support.bridge.rows import ANNA, MARKS, ticked  # noqa: E402
from tests.support.bridge.scene import RealHost, Scene  # noqa: E402
from tests.support.clifixtures import OWNER  # noqa: E402
from tests.support.processes import proc  # noqa: E402
from tests.support.waiting import SOON, wait_until  # noqa: E402
from vdsm_backup.bridge.reading import AGAIN  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = MARKS


@pytest.fixture
def real():
    with RealHost() as made:
        yield made


@pytest.fixture
def scene(stand_in, real):
    with Scene(stand_in, real) as made:
        yield made


@pytest.fixture
def other(scene, real):
    """A host that answers, and is the SPM of another data center."""
    with RealHost(identity=real.sshd.identity) as made:
        center = DataCenter("Second")
        scene.engine.data_centers.append(center)
        in_engine = made.in_engine("host2", center, spm="spm")
        scene.engine.hosts.append(in_engine)
        made.center = center
        yield made


def of_host(host, scene):
    """A domain of another host."""
    sd_id = host.host.domain(name="others", owner=OWNER, TYPE="LOCALFS")
    found = StorageDomain("others", host.center, id=sd_id)
    scene.engine.domains.append(found)
    return found


@pytest.mark.parametrize("is_connected", [True, False])
def test_tick_waits_and_others_do_not(scene, other, is_connected):
    """is_connected: whether there is a connection, which does not end."""
    one, two = scene.domain(), of_host(other, scene)
    scene.polls(2)
    if not is_connected:
        scene.restart()
        scene.polls()
        scene.bridge._reader._flags._hosts.close()
    scene.real.sshd.freeze()
    ticked(scene, one)
    ticked(scene, two)
    scene.polls(2)
    assert other.host.values(two.id)["BACKUP"] == "True"
    assert scene.flag(one) == (None, None)
    assert scene.row(one).flag == "unknown"
    assert scene.real.sshd.address in scene.row(one).why
    # ssh has noticed it by itself, long before the end of a request.
    assert "no answer within" not in scene.row(one).why
    scene.real.sshd.thaw()
    scene.later(AGAIN).polls(2)
    assert scene.flag(one) == ("True", ANNA)
    assert scene.log().count("answers again") == 1
    assert scene.told() == []


def test_host_with_a_fingerprint_only(scene):
    """Its key is asked for by another program, which ends, too."""
    scene.spm.public_key = None
    scene.spm.fingerprint = sshd.fingerprint(f"{scene.real.sshd.host_key}.pub")
    domain = scene.domain()
    scene.real.sshd.freeze()
    scene.polls()
    assert "it shows no key" in scene.row(domain).why
    scene.real.sshd.thaw()
    ticked(scene, domain)
    scene.later(AGAIN).polls(2)
    assert scene.flag(domain) == ("True", ANNA)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_a_request_to_a_host(scene, number):
    """Long before the host is given up."""
    scene.domain()
    process = in_its_place(scene)
    scene.real.sshd.freeze()
    with process.start(stderr=subprocess.PIPE) as bridge:
        wait_until(lambda: proc.find(bridge.pid, "ssh"))
        bridge.send_signal(number)
        _, said = bridge.communicate(timeout=SOON)
    assert bridge.returncode == 128 + number
    assert "Traceback" not in said

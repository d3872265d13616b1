# SPDX-License-Identifier: GPL-2.0-or-later
"""
SIGKILL for the bridge, a process, at each of its steps, with a real sshd, the
real agent and the real command line; and the next bridge, which goes on. The
same with hosts that answer at once: bridge_killed_test.py.
"""

import itertools
import signal
import threading

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import dying_bridge  # noqa: E402
from tests.support.bridge.process import in_its_place  # noqa: E402
from tests.support.bridge.rows import (  # noqa: E402
    ANNA,
    MARKS,
    ticked,
    unticked,
)
from tests.support.bridge.scene import RealHost, Scene  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = MARKS


@pytest.fixture(scope="module")
def real():
    with RealHost() as made:
        yield made


@pytest.fixture
def scene(stand_in, real):
    with Scene(stand_in, real) as made:
        yield made


def at_each_step(scene, prepare, then):
    """
    prepare: makes a domain and what happens to it. then: what holds of it at
    last.
    """
    for at in itertools.count():
        domain = prepare(f"domain{at}")
        done = in_its_place(scene).run(
            "--once", before=[at], module=dying_bridge.__name__
        )
        code = done.returncode
        scene.start()
        assert code in (0, -signal.SIGKILL), done.stderr
        # After a restart all domains are compared.
        scene.polls(3)
        then(domain)
        if code == 0:
            assert at > 7
            return
        scene.engine.domains.remove(domain)
        scene.compare()


# A bridge, and an ssh, for each step.
@pytest.mark.timeout(900)
def test_tick(scene):
    def prepare(name):
        domain = scene.domain(name)
        scene.compare()
        ticked(scene, domain)
        return domain

    def then(domain):
        assert scene.flag(domain)[0] == "True"
        assert scene.flag(domain)[1] == ANNA
        assert domain.backup

    at_each_step(scene, prepare, then)
    assert (scene.told(), scene.puts()) == ([], 0)


# As above.
@pytest.mark.timeout(900)
def test_import(scene):
    def prepare(name):
        return scene.domain(name, BACKUP="True")

    def then(domain):
        assert (domain.backup, scene.flag(domain)[0]) == (True, "True")

    at_each_step(scene, prepare, then)
    assert scene.told() == []


def test_when_the_engine_has_written_the_box(scene):
    """And has not answered yet."""
    domain = scene.domain(BACKUP="True")
    process = in_its_place(scene)
    killed = threading.Event()

    def hold(answer):
        if scene.puts():
            killed.wait()
        return answer

    scene.engine.faults = {f"/storagedomains/{domain.id}$": hold}
    with process.start() as bridge:
        wait_until(lambda: domain.backup)
        bridge.kill()
        bridge.communicate()
    killed.set()
    assert bridge.returncode == -signal.SIGKILL
    scene.engine.faults = {}
    scene.start()
    scene.polls(3)
    assert scene.row(domain).row == 2
    assert (scene.puts(), scene.told()) == (1, [])
    # The state has known what might come of it: so a stale dialog of somebody
    # who has opened it before is taken as one.
    unticked(scene, domain)
    scene.polls(5)
    assert (scene.row(domain).row, domain.backup) == (2, True)
    assert (scene.puts(), scene.told()) == (2, [])

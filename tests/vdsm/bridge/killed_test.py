# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bridge, as a process, that is killed by SIGKILL at each step of what it does,
and is started again.
"""

import contextlib
import json
import re

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import dying_bridge  # noqa: E402
from tests.support.bridge.process import UNIT, of_scene  # noqa: E402
from tests.support.bridge.rows import ANNA, MARKS, ticked  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402
from tests.vdsm.bridge.held_changes import (  # noqa: E402
    LONG,
    HeldChanges,
    asking,
)

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = MARKS

ONCE = ("--once", "--json")

# What the bridge does about a tick: it looks, at box and flag, again right
# before the change, and changes the flag.
LOOK = "events domains hosts ask".split()
ACT = "save domain hosts ask hosts ask save save".split()

KILLED = 137


def once(bridge):
    """{UUID: row} of one look at all domains."""
    done = bridge.run(*ONCE, inside=UNIT)
    assert done.returncode == 0, done.stderr
    return {row["id"]: row for row in json.loads(done.stdout)["domains"]}


def in_step(scene, domain, rows):
    """Box and flag are on, by one change, and nothing more happens."""
    row = rows[domain.id]
    assert (row["box"], row["flag"], row["act"]) == (True, "on", "nothing")
    assert scene.flag(domain) == ("True", ANNA)
    assert scene.changes(domain) == [("set", ANNA, "done")]
    assert (scene.told(), scene.puts()) == ([], 0)


def test_killed_before_each_step(scene):
    """Of those that follow the look; before, there is nothing to be left."""
    bridge = of_scene(scene)
    domains = [scene.domain(f"domain {n}") for n in range(len(ACT))]
    once(bridge)
    killed = []
    for number, domain in enumerate(domains, len(LOOK)):
        ticked(scene, domain)
        done = bridge.run(
            *ONCE, module=dying_bridge.__name__, before=[number], inside=UNIT
        )
        assert done.returncode == KILLED, done.stderr
        killed += re.findall(r"^killed before (\w+)$", done.stderr, re.M)
        once(bridge)
    assert killed == ACT
    rows = once(bridge)
    for domain in domains:
        in_step(scene, domain, rows)


@contextlib.contextmanager
def running(bridge, *args):
    """Killed at the end, if it has not ended."""
    with bridge.start(*args, inside=UNIT) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("meanwhile", [False, True])
def test_killed_while_vdsm_changes_it(own_scene, meanwhile):
    """meanwhile: it is started again before VDSM has written."""
    scene, domain = own_scene, own_scene.domain()
    bridge, change = of_scene(scene), HeldChanges(scene)
    once(bridge)
    ticked(scene, domain)
    with running(bridge, "--once"):
        change.wait()
    assert scene.flag(domain) == (None, None)
    with running(bridge) if meanwhile else contextlib.nullcontext():
        if meanwhile:
            wait_until(lambda: len(asking(domain)) == 2, LONG)
        change.let_go(domain)
    in_step(scene, domain, once(bridge))


def test_order_of_a_tick(own_scene):
    """What is where at the moment before VDSM writes."""
    scene, domain = own_scene, own_scene.domain()
    bridge, change = of_scene(scene), HeldChanges(scene)

    def seen():
        path = bridge.state / "status.json"
        if not path.exists():
            return None
        (row,) = json.loads(path.read_text())["domains"]
        return row["box"], row["flag"]

    with running(bridge):
        wait_until(lambda: seen() == (False, "never"), LONG)
        before = len(scene.engine.requests)
        ticked(scene, domain)
        change.wait()
        # Of storage nothing, and of the state that the box is on.
        assert scene.flag(domain) == (None, None)
        state = json.loads((bridge.state / "state.json").read_text())
        assert state["domains"][domain.id]["box"] is True
        # The event was read before the box, and the box again before the act.
        asked = [
            path.partition("/api/")[2].partition("?")[0]
            for _, path, _ in scene.engine.requests[before:]
        ]
        last = len(asked) - asked[::-1].index("events") - 1
        assert asked[last:] == [
            "events",
            "storagedomains",
            "datacenters",
            "hosts",
            f"datacenters/{scene.center.id}/storagedomains",
            f"storagedomains/{domain.id}",
            *("hosts", "hosts"),
        ]
        change.let_go(domain)
        wait_until(lambda: seen() == (True, "on"), LONG)
    in_step(scene, domain, once(bridge))

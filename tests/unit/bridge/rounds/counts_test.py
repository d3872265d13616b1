# SPDX-License-Identifier: GPL-2.0-or-later
"""
How often the bridge asks engine and hosts for something, in a site with some
data centers and domains where something happens all the time.
"""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.engine_things import DataCenter, Host  # noqa: E402
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import hosts  # noqa: E402
from vdsm_backup.bridge import settings as bridge_settings  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

# More than from one look at all domains to the next.
POLLS = 64
DOMAINS = 12


class Site:
    """
    Three data centers, each with an SPM and a second host. lists: when each
    SPM was asked for all of its domains.
    """

    def __init__(self, scene):
        self.scene = scene
        self.engine = scene.engine
        for number in (2, 3):
            center = DataCenter(f"Site {number}")
            self.engine.data_centers.append(center)
            self.engine.hosts += [
                Host(f"spm{number}", center, spm="spm"),
                Host(f"other{number}", center),
            ]
        self.domains = []
        for number in range(DOMAINS):
            made = scene.domain(f"data{number}")
            made.data_center = self.engine.data_centers[number % 3]
            self.domains.append(made)
        self.lists = {}
        scene.hosts.before = self._asked

    def _asked(self, request):
        address = self.scene.hosts.asked[-1][0]
        if request == "list":
            self.lists.setdefault(address, []).append(self.scene.now())

    def calls(self):
        """Of the API, since the last call of this."""
        found = [p for _, p, _ in self.engine.requests if "/api/" in p]
        self.engine.requests.clear()
        return len(found)


@pytest.fixture
def site(scene):
    return Site(scene)


def reports_fail(site):
    site.domains[4].type = "iso"
    site.domains[4].backup = True
    real = site.scene.bridge._engine.tell

    def tell(*args):
        raise errors.EngineUnreachable("url", "502")

    site.scene.bridge._engine.tell = tell
    return lambda: setattr(site.scene.bridge._engine, "tell", real)


def ticks_fail(site):
    site.scene.write(site.domains[4], flag=True)
    site.engine.faults = {f"/storagedomains/{site.domains[4].id}$": 500}
    return site.engine.faults.clear


def disk_is_full(site):
    file = site.scene.bridge._kept._file
    real = file.save

    def save(state):
        raise errors.BridgeState("/x", "No space left on device")

    file.save = save
    return lambda: setattr(file, "save", real)


def host_is_gone(site):
    gone = errors.HostUnreachable("spm2.example.com", "no route")
    site.scene.hosts.answers["spm2.example.com"] = gone
    site.domains[1].backup = True
    return site.scene.hosts.answers.clear


def nothing_fails(site):
    return lambda: None


@pytest.mark.parametrize(
    "fails",
    [nothing_fails, reports_fail, ticks_fail, disk_is_full, host_is_gone],
)
def test_a_host_lists_all_at_most_once_a_compare(site, fails):
    scene, compare = site.scene, site.scene.settings.compare
    works = fails(site)
    for number in range(POLLS):
        if number % 4 == 0:
            domain = site.domains[number // 4 % DOMAINS]
            site.engine.edit(domain, backup=number % 8 == 0 or domain.backup)
        if number % 5 == 0:
            site.engine.add_event(30)
        scene.polls()
    assert len(site.lists) == 3
    # What cannot be saved is not looked at.
    most = 1 if fails is disk_is_full else 2
    assert max(map(len, site.lists.values())) == most
    for times in site.lists.values():
        for one, other in zip(times, times[1:]):
            # What comes before a list in its round does not count.
            assert other - one > compare - scene.settings.poll
    works()
    scene.later(1800).polls(5)
    ticked = [d for d in site.domains if d.backup and d.type == "data"]
    assert len(ticked) >= 3
    assert all(scene.flag(domain) for domain in ticked)
    assert scene.saved()["domains"][ticked[0].id]["flag"] == "on"


def test_calls_of_a_poll(site):
    """Of the engine; and how often ssh is started, once for each request."""
    scene, engine = site.scene, site.engine
    one, other = site.domains[:2]
    scene.polls(5)
    site.calls()
    asked = len(scene.hosts.asked)

    def polled():
        nonlocal asked
        before, asked = asked, len(scene.polls().hosts.asked)
        return site.calls(), asked - before

    assert polled() == (1, 0)
    engine.add_event(30)
    assert polled() == (1, 0), "a login"
    # Domains, data centers, hosts, and those of one data center.
    engine.edit(one, comment="x")
    assert polled() == (1 + 4, 1)
    for _ in range(3):
        engine.edit(one, comment="x")
    assert polled() == (1 + 4, 1), "once, for several edits"
    engine.edit(one, comment="x")
    engine.edit(other, comment="x")
    assert polled() == (1 + 5, 2), "of two data centers"
    # Both sides once more, and the host for the act.
    engine.edit(one, backup=True)
    assert polled() == (1 + 4 + 3, 3)
    assert scene.flag(one) is True
    assert polled() == (1 + 4, 1), "what came of it"
    assert polled() == (1, 0)


def test_connection_is_still_there_at_the_next_look_at_all():
    """To make one takes most of the CPU time of a request."""
    compare = bridge_settings.DEFAULTS["bridge"]["compare"]
    assert hosts.PERSIST > int(compare) + hosts.CONNECT


def test_events_about_domains_of_others_are_no_reason_to_look(site):
    scene = site.scene
    ours = (site.domains[0].id,)
    scene.settings = scene.settings._replace(domains=ours)
    scene.restart()
    scene.polls(3)
    site.calls()
    site.engine.edit(site.domains[1], comment="x")
    scene.polls(2)
    assert site.calls() == 2

# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bridge that ends before each of its steps, and the next one, which goes on
from the state. That a save which is cut off leaves the old state or the new
one is a test of its own (state_file_test.py). With SIGKILL and real hosts:
bridge_sigkill_test.py; with VDSM: tests/vdsm/bridge.
"""

import itertools

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import steps  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


class Killed(BaseException):
    """No handler of the bridge takes it for an error."""


class Steps:
    """The steps of the bridge of a scene. at: where it ends."""

    def __init__(self, scene, at):
        self.at = at
        self.count = 0
        bridge = scene.bridge
        # It stays for all bridges of the scene.
        vars(scene.hosts).pop("ask", None)
        steps.each(
            bridge._engine, scene.hosts, bridge._kept._file, self._before
        )

    def _before(self, name):
        number = self.count
        self.count += 1
        if number == self.at:
            raise Killed


def at_each_step(scene, prepare, polls, then):
    """
    prepare: makes a domain and what happens to it. polls: those in which the
    bridge ends. then: what holds of the domain at last.
    """
    for at in itertools.count():
        domain = prepare(f"domain {at}")
        ends = Steps(scene, at)
        try:
            scene.polls(polls)
        except Killed:
            scene.restart()
        else:
            assert ends.count <= at
            assert at > 5
            return
        # After a restart all domains are compared.
        scene.polls(5)
        then(domain)
        scene.engine.domains.remove(domain)
        scene.compare()


pytestmark = pytest.mark.slow("a whole round for each step")


def test_tick(scene):
    def prepare(name):
        domain = scene.domain(name)
        scene.compare()
        scene.engine.edit(domain, backup=True)
        return domain

    def then(domain):
        assert scene.flag(domain) is True
        assert domain.backup

    at_each_step(scene, prepare, 2, then)
    assert (scene.told(), scene.puts()) == ([], 0)


def test_import(scene):
    def prepare(name):
        domain = scene.domain(name, flag=True)
        scene.later(scene.settings.compare)
        return domain

    def then(domain):
        assert domain.backup
        assert scene.flag(domain) is True

    at_each_step(scene, prepare, 3, then)
    assert scene.told() == []
    assert scene.hosts.changes == 0


def test_untick(scene):
    def prepare(name):
        domain = scene.domain(name, backup=True, flag=True)
        scene.compare()
        scene.engine.edit(domain, backup=False)
        return domain

    def then(domain):
        assert (scene.flag(domain), domain.backup) == (True, False)
        told = [t for t in scene.told() if f"{domain.name} was" in t]
        assert len(told) == 1

    at_each_step(scene, prepare, 5, then)
    assert (scene.puts(), scene.hosts.changes) == (0, 0)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What goes wrong is told with its code, in the log and by `status`: pages and
`explain` have it by that. Of each way in which a round can fail.
"""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import fake_hosts  # noqa: E402
from tests.support.pagecommands import read  # noqa: E402
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import status  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

HOST = "host1.example.com"
PAGE = "docs/first-bridge.md"


def nobody_listens(scene):
    scene.engine.faults = {"/api": 503}


def another_password(scene):
    with open(scene.settings.password_file, "w") as f:
        f.write("another")


def no_route(scene):
    scene.hosts.answers[HOST] = errors.HostUnreachable(HOST, "no route")


def no_key(scene):
    scene.hosts.answers[HOST] = errors.HostKeyUnknown(HOST, "none")


def no_agent(scene):
    scene.hosts.answers[HOST] = errors.HostAnswer(HOST, "No such file")


def may_not_list(scene):
    scene.hosts.answers["list"] = not_allowed()


def may_not_set(scene):
    scene.hosts.answers["set"] = not_allowed()


def not_allowed():
    refused = errors.BridgeNotAllowed("change", "[bridge] allow")
    return fake_hosts.error(refused.code, str(refused))


WAYS = [
    (nobody_listens, errors.EngineUnreachable),
    (another_password, errors.EngineLogin),
    (no_route, errors.HostUnreachable),
    (no_key, errors.HostKeyUnknown),
    (no_agent, errors.HostAnswer),
    (may_not_list, errors.BridgeNotAllowed),
    (may_not_set, errors.BridgeNotAllowed),
]


@pytest.mark.parametrize("way, error", WAYS)
def test_the_log_has_the_code(scene, way, error):
    scene.domain(backup=True)
    way(scene)
    scene.polls(2)
    assert f"error {error.code}: " in scene.log()


@pytest.mark.parametrize("way, error", WAYS[:-1])
def test_status_has_it(scene, way, error):
    scene.domain(backup=True)
    way(scene)
    scene.polls(2)
    found = status.text(status.read(scene.directory))
    assert f"error {error.code}: " in found


@pytest.mark.parametrize("error", sorted({e.code for _, e in WAYS}))
def test_the_first_page_says_what_to_do(error):
    assert f"\n| {error} | " in read(PAGE)


def test_an_engine_that_refuses(scene):
    scene.domain(flag=True).vm_runs = True
    scene.polls(2)
    assert f"error {errors.EngineRefused.code}: " in scene.log()


def test_a_flag_that_cannot_be_read(scene):
    sd = scene.domain(backup=True)
    wrong = errors.SealBroken.code
    scene.hosts.storage[sd.id] = fake_hosts.domain(
        sd.id, flag=None, error={"code": wrong, "message": "it is wrong"}
    )
    scene.polls(2)
    assert f"error {wrong}: it is wrong" in scene.row(sd).why

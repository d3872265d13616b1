# SPDX-License-Identifier: GPL-2.0-or-later
"""The service looks after the hooks of hosts."""


import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.engine_things import DataCenter, Host  # noqa: E402
from tests.support.bridge.failures import full_disk  # noqa: E402
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import status  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


def test_host_without_our_hooks_is_told_once(scene, lacking):
    scene.domain(flag=True)
    scene.compare()
    (text,) = scene.told()
    assert text.startswith("Host host2 lacks the hook 99_vdsm_backup of ")
    scene.compare()
    scene.restart()
    scene.compare()
    assert len(scene.told()) == 1
    hosts = {h["name"]: h for h in status.read(scene.directory)["hosts"]}
    assert hosts["host1"]["hook"] == "ok"
    assert hosts["host2"]["hook"] == "missing"
    assert "before_vm_start" in hosts["host2"]["event_names"]


@pytest.mark.parametrize(
    "error",
    [
        errors.EngineUnreachable("url", "502"),
        errors.EngineLogin("url", "the account is locked"),
    ],
)
def test_host_without_our_hooks_is_told_when_the_engine_is_back(
    scene, lacking, error
):
    scene.domain(backup=True, flag=True)
    real = scene.bridge._engine.tell

    def tell(*args):
        raise error

    scene.bridge._engine.tell = tell
    scene.compare()
    scene.polls(2)
    assert scene.told() == []
    assert "Host host2 lacks" not in scene.log()
    scene.bridge._engine.tell = real
    scene.compare()
    scene.compare()
    (text,) = scene.told()
    assert text.startswith("Host host2 lacks the hook")


def test_host_with_another_hook(scene):
    scripts = scene.spm.hooks["before_vm_start"]
    scripts["99_vdsm_backup"] = "0" * 64
    scripts["50_other"] = "1" * 64
    scene.domain(flag=True)
    scene.compare()
    (text,) = scene.told()
    assert "has another hook 99_vdsm_backup of before_vm_start than" in text
    scripts["99_vdsm_backup"] = "2" * 64
    scene.compare()
    assert len(scene.told()) == 2


def test_hosts_are_watched_while_the_spm_is_away(scene, lacking):
    """Flags that cannot be read now count as they were read last."""
    flagged = scene.domain(flag=True)
    scene.compare()
    before = scene.service.status().hosts
    away = errors.HostUnreachable("host1.example.com", "no route")
    scene.hosts.answers["list"] = away
    scene.compare()
    assert scene.row(flagged).flag == "unknown"
    assert scene.service.status().hosts == before
    assert [host.hook for host in before] == ["ok", "missing"]
    # One that was cleared is no reason any more.
    del scene.hosts.answers["list"]
    scene.write(flagged, flag=False, stamp="cleared")
    scene.compare()
    scene.later(60)
    scene.hosts.answers["list"] = away
    scene.compare()
    assert scene.row(flagged).flag == "unknown"
    assert scene.service.status().hosts == ()


def test_hosts_where_nothing_is_flagged_are_not_asked(scene, lacking):
    other = DataCenter("Second")
    scene.engine.data_centers.append(other)
    lacking.data_center = other
    scene.domain(flag=True)
    scene.compare()
    asked = [p for p in scene.engine.paths("GET") if p.endswith("/hooks")]
    assert asked and all(scene.spm.id in path for path in asked)
    assert scene.told() == []


@pytest.mark.parametrize("status", ["installing", "pending_approval"])
def test_host_that_is_being_installed(scene, lacking, status):
    lacking.status = status
    scene.domain(flag=True)
    scene.compare()
    assert scene.told() == []


def test_host_that_is_removed_meanwhile(scene, lacking, monkeypatch):
    """After the hosts were listed; the engine has an empty list of hooks."""
    engine = scene.service._engine
    real = engine.hooks

    def hooks(host):
        if lacking in scene.engine.hosts:
            scene.engine.hosts.remove(lacking)
        return real(host)

    monkeypatch.setattr(engine, "hooks", hooks)
    scene.domain(flag=True)
    scene.compare()
    assert lacking not in scene.engine.hosts
    assert scene.told() == []
    assert [host.name for host in scene.service.status().hosts] == ["host1"]


def test_what_is_told_is_harmless_to_show(scene, lacking):
    lacking.name = "ho\N{RIGHT-TO-LEFT OVERRIDE}st"
    scene.domain(flag=True)
    scene.compare()
    assert scene.told()[0].startswith("Host ho\\u202est lacks")


def test_hosts_are_checked_when_the_disk_is_no_longer_full(scene, lacking):
    scene.domain(flag=True)
    ends = full_disk(scene)
    scene.compare()
    ends()
    scene.polls(2)
    assert {h.name for h in scene.service.status().hosts} == {
        "host1",
        "host2",
    }


def test_hosts_are_listed_once_for_all_without_hooks(scene):
    for number in range(5):
        scene.engine.hosts.append(Host(f"h{number}", scene.center))
    scene.domain(flag=True)
    scene.polls(3)
    scene.engine.requests.clear()
    scene.later(300).polls()
    lists = [p for _, p, _ in scene.engine.requests if "/hosts?" in p]
    assert len(lists) == 2, "one of them for the look"

# SPDX-License-Identifier: GPL-2.0-or-later
"""VMs on flagged domains, and the command itself."""

import os

import pytest

from tests.support import commandline
from tests.support.doctoring import states
from tests.support.hooks import permitfile
from tests.support.host import vdsmlike
from vdsm_backup import errors
from vdsm_backup.doctor import checks, installed, launcher, running
from vdsm_backup.host import vdsm_client
from vdsm_backup.users import users

# Not what `healthy` puts in its place.
PLUGIN = running.plugin


class Storage:
    sd_id = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


def test_uses_that_break_the_rule():
    """Not an image that is open: that may be a transfer."""
    blocking = ["VM web1 (disk vda)", "LV vol1 is open on this host"]
    used = users.Users(blocking, ["image x is open"], ["note"])
    found = list(running.violations([Storage(), Storage()], lambda s: used))
    assert states(found) == [checks.BAD] * 4
    assert [f.text for f in found[:2]] == [
        f"flagged domain {Storage.sd_id}: VM web1 (disk vda)",
        f"flagged domain {Storage.sd_id}: LV vol1 is open on this host",
    ]


def test_no_vm_breaks_the_rule():
    nobody = users.Users([], ["image x is open"], [])
    found = running.violations([Storage()], lambda s: nobody)
    assert states(found) == [checks.OK]
    assert states(running.violations([], None)) == [checks.OK]


def test_vms_that_cannot_be_looked_for():
    def fail(storage):
        raise errors.DomainNotFound("x")

    found = list(running.violations([Storage()], fail))
    assert found[0].state == checks.NOTE


# The command


@pytest.fixture
def healthy(monkeypatch):
    def fine(*args):
        yield checks.Finding("anything", checks.OK, "fine")

    for name in ("package", "hooks", "sudo"):
        monkeypatch.setattr(installed, name, fine)
    for name in ("plugin", "sanlock", "journald"):
        monkeypatch.setattr(running, name, fine)
    monkeypatch.setattr(launcher, "check", fine)


def test_a_protected_host(host, healthy):
    done = host.json("doctor")
    assert done.code == 0
    assert done.json["protected"] is True
    assert "every host" in done.json["notes"][0]
    for check in done.json["checks"]:
        assert set(check) == commandline.CHECK
    assert "ok    guard: " in host.run("doctor").out


def test_a_vm_on_a_flagged_domain(host, healthy):
    host.domain(5, BACKUP="True")
    host.users = users.Users(["VM web1 (disk vda)"])
    done = host.json("doctor")
    assert done.code == 1
    assert done.json["protected"] is False
    assert done.json["checks"][-1]["state"] == checks.BAD
    out = host.run("doctor").out
    (line,) = [line for line in out.splitlines() if "bad   VMs" in line]
    assert line.endswith(": VM web1 (disk vda)")
    assert line.startswith("bad   VMs: flagged domain ")
    assert "      hint: move its disks elsewhere" in out


def test_vms_on_other_domains_are_not_looked_for(host, healthy):
    host.domain(5)
    host.domain(5, BACKUP="False")
    host.users = users.Users(["VM web1 (disk vda)"])
    assert host.json("doctor").code == 0


@pytest.mark.parametrize("role", ["Master", "Regular"])
def test_a_flagged_master_is_a_note(host, healthy, role):
    pool = "8f3c1b3e-9d0c-4a0e-9b5e-3f1c2d4e5f60"
    sd_id = host.domain(5, BACKUP="True", ROLE=role, POOL_UUID=pool)
    done = host.json("doctor")
    assert done.code == 0
    found = [c for c in done.json["checks"] if "master domain" in c["text"]]
    told = [(c["name"], c["state"]) for c in found]
    expected = [(f"domain {sd_id}", checks.NOTE)]
    assert told == (expected if role == "Master" else [])


def test_permits_are_among_the_checks(host, healthy):
    os.makedirs(host.permits)
    vm_id = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
    permitfile.write(host.permits, vm_id, b"")
    done = host.json("doctor")
    (found,) = [c for c in done.json["checks"] if c["name"] == "permits"]
    assert (done.code, found["state"]) == (0, checks.NOTE)
    assert found["hint"].endswith(f"permit --vm {vm_id} --revoke")


@pytest.mark.parametrize("answer", [vdsm_client.Unreachable("refused"), True])
def test_vdsm_that_is_down(host, healthy, monkeypatch, answer):
    """Whether the plugin fits is the most that can be told then."""
    monkeypatch.setattr(vdsm_client, "Vdsm", vdsmlike.Vdsm)
    monkeypatch.setattr(vdsmlike.Vdsm, "answer", answer)
    monkeypatch.setattr(running, "plugin", PLUGIN)
    names = [check["name"] for check in host.json("doctor").json["checks"]]
    assert ("vdsm" in names) == (answer is not True)


def test_only_the_plugin(host):
    done = host.json("doctor", "--vdsm")
    assert {check["name"] for check in done.json["checks"]} == {"vdsm"}

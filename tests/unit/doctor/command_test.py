# SPDX-License-Identifier: GPL-2.0-or-later
"""The command: what it says of all checks together."""

import os
import threading
import types

import pytest

from tests.support import commandline
from tests.support.doctoring import make_well
from tests.support.hooks import permitfile
from tests.support.host import vdsmlike
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.cli import output
from vdsm_backup.doctor import (
    checks,
    launcher,
    libvirt,
    permits,
    running,
    tools,
)
from vdsm_backup.host import vdsm_client
from vdsm_backup.processes import jobs
from vdsm_backup.storage.sources import Sources
from vdsm_backup.users import users

# Not what `healthy` puts in its place.
PLUGIN = running.plugin

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def healthy(monkeypatch):
    make_well(monkeypatch)


def told(host, name):
    """(exit code, protected, the checks of this name)"""
    done = host.json("doctor")
    named = [c for c in done.json["checks"] if c["name"] == name]
    return done.code, done.json["protected"], named


def test_a_protected_host(host, healthy):
    host.domain(5)
    done = host.json("doctor")
    assert done.code == 0
    assert done.json["protected"] is True
    assert done.json["notes"] == []
    for check in done.json["checks"]:
        assert set(check) == commandline.CHECK
    done = host.run("doctor")
    assert "ok       guard: " in done.out
    # What is so on each host is told by the documentation.
    assert done.err == ""
    assert "each one of its data center" in host.run("doctor", "--help").out


@pytest.mark.parametrize(
    "states, code, protected",
    [
        (["ok"], 0, True),
        (["note", "ok"], 0, True),
        (["unknown", "note"], 3, None),
        (["bad", "unknown", "ok"], 1, False),
        (["bad"], 1, False),
    ],
)
def test_states_and_exit_codes(
    host, healthy, monkeypatch, states, code, protected
):
    def some(*args):
        for i, state in enumerate(states):
            yield checks.Finding(f"x{i}", state, "text", "hint")

    monkeypatch.setattr(launcher, "check", some)
    done = host.json("doctor")
    assert (done.code, done.json["protected"]) == (code, protected)
    # The worst is last, and each is one line.
    found = [c["state"] for c in done.json["checks"]]
    assert found == sorted(found, key=checks.STATES.index)
    done = host.run("doctor")
    assert done.code == code
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines] == found
    assert code == 0 or lines[-1].endswith(": text; next: hint")


def test_a_vm_on_a_flagged_domain(host, healthy):
    host.domain(5, BACKUP="True")
    host.users = users.Users(["VM web1 (disk vda)"])
    done = host.json("doctor")
    assert done.code == 1
    assert done.json["protected"] is False
    assert done.json["checks"][-1]["state"] == checks.BAD
    line = host.run("doctor").out.splitlines()[-1]
    assert line.startswith("bad      VMs: flagged domain ")
    assert " is in use: VM web1 (disk vda); next: move its disks" in line


@pytest.mark.parametrize(
    "vms, answer",
    [(0, (0, True, "ok")), (3, (3, None, "unknown"))],
)
def test_vms_where_no_domain_was_found(
    host, healthy, monkeypatch, vms, answer
):
    monkeypatch.setattr(libvirt, "count", lambda: vms)
    code, protected, (found,) = told(host, "VMs")
    assert (code, protected, found["state"]) == answer


def test_vms_on_other_domains_are_not_looked_for(host, healthy):
    host.domain(5)
    host.domain(5, BACKUP="False")
    host.users = users.Users(["VM web1 (disk vda)"])
    assert host.json("doctor").code == 0


@pytest.mark.parametrize("unseen", [[], ["VMs of this host: libvirt: down"]])
def test_vms_that_cannot_be_seen_here(host, healthy, unseen):
    """What is not seen of other hosts is nothing that this host could do."""
    host.domain(5, BACKUP="True")
    host.users = users.Users(notes=["not seen: x"], unseen_here=unseen)
    code, protected, (found,) = told(host, "VMs")
    expected = (3, None, "unknown") if unseen else (0, True, "ok")
    assert (code, protected, found["state"]) == expected
    assert not unseen or unseen[0] in found["text"]


def test_vms_on_a_domain_whose_flag_is_unknown(host, healthy):
    sd_id = host.domain(5, BACKUP="what")
    code, protected, (found,) = told(host, "VMs")
    assert (code, protected) == (1, False)
    assert found["state"] == "unknown"
    assert sd_id in found["text"]


@pytest.mark.parametrize("role", ["Master", "Regular"])
def test_a_flagged_master_is_a_note(host, healthy, role):
    pool = "8f3c1b3e-9d0c-4a0e-9b5e-3f1c2d4e5f60"
    sd_id = host.domain(5, BACKUP="True", ROLE=role, POOL_UUID=pool)
    done = host.json("doctor")
    assert done.code == 0
    found = [c for c in done.json["checks"] if "master domain" in c["text"]]
    noted = [(c["name"], c["state"]) for c in found]
    expected = [(f"domain {sd_id}", checks.NOTE)]
    assert noted == (expected if role == "Master" else [])


@permitfile.needs_root
def test_a_directory_of_permits_that_others_may_write(host, healthy):
    """`permit` fails with 9607 then."""
    os.makedirs(host.permits)
    os.chmod(host.permits, 0o777)
    _, _, (found,) = told(host, "permits")
    assert found["state"] == "note"
    assert f"{host.permits} has mode 0777" in found["text"]
    assert found["hint"].endswith(f"chmod 0755 {host.permits}")


def test_permits_are_among_the_checks(host, healthy):
    os.makedirs(host.permits)
    permitfile.write(host.permits, A, b"")
    code, _, (found,) = told(host, "permits")
    assert (code, found["state"]) == (0, checks.NOTE)
    assert found["hint"].endswith(f"permit --vm {A} --revoke")


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
    (found,) = done.json["checks"]
    assert found["name"] == "vdsm"
    expected = {"ok": (0, True), "unknown": (3, None), "bad": (1, False)}
    seen = (done.code, done.json["protected"])
    assert seen == expected[found["state"]]


def test_nothing_is_mounted(host, healthy):
    os.rmdir(host.mount)
    code, _, (found,) = told(host, "domains")
    assert (code, found["state"]) == (0, "note")
    assert f"nothing is mounted below {host.repo}/mnt" in found["text"]


# What cannot be looked at, and faults


def test_configuration_that_cannot_be_used(host, healthy):
    """The other checks say what they can say without it."""
    with open(host.config, "a") as f:
        f.write("\n[gard]\n")
    done = host.json("doctor")
    assert (done.code, done.json["protected"]) == (1, False)
    found = {c["name"]: c for c in done.json["checks"]}
    assert "unknown section [gard]" in found["configuration"]["text"]
    assert found["configuration"]["state"] == "bad"
    assert found["the rest"]["state"] == "unknown"
    assert found["the rest"]["text"].startswith("guard, permits, room, ")
    assert found["anything"]["state"] == "ok"
    assert not {"guard", "permits"} & set(found)


@pytest.mark.parametrize("wrong", ["bridge_allow", "dir", "port"])
def test_configuration_that_hooks_can_use(host, healthy, wrong):
    """They go by their part of it, so what that lifts is told."""
    permitfile.write(host.permits, A, b"")
    host.configure(**{wrong: "x", "mode": "permissive"})
    done = host.json("doctor")
    found = {c["name"]: c for c in done.json["checks"]}
    names = [c["name"] for c in done.json["checks"]]
    assert names.count("configuration") == 1
    assert "no hook reads this" in found["configuration"]["text"]
    assert found["guard"]["state"] == checks.BAD
    assert "[guard] mode is permissive" in found["guard"]["text"]
    assert found["permits"]["hint"].endswith(f"permit --vm {A} --revoke")
    assert found["the rest"]["text"].startswith("room, ")
    host.configure(mode=None)
    found = {c["name"]: c for c in host.json("doctor").json["checks"]}
    assert found["guard"]["state"] == checks.OK


def test_repository_that_cannot_be_listed(host, healthy):
    os.rename(f"{host.repo}/mnt", f"{host.repo}/away")
    with open(f"{host.repo}/mnt", "w"):
        pass
    done = host.json("doctor")
    assert done.code == 3
    found = {c["name"]: c for c in done.json["checks"]}
    assert found["domains"]["state"] == "unknown"
    text = found["domains"]["text"]
    assert text.startswith("not looked at: error 987: ")
    assert found["guard"]["state"] == "ok"
    # Nothing is known of the flags then.
    assert found["VMs"]["state"] == "unknown"
    assert "which domains are flagged is not known" in found["VMs"]["text"]


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_a_fault_of_ours(host, healthy, monkeypatch, debug):
    def fail(*args):
        yield checks.Finding("permits", checks.NOTE, "before")
        raise KeyError("x\n")

    monkeypatch.setattr(permits, "check", fail)
    done = host.run("doctor", *debug)
    assert done.code == 3
    assert "Traceback" not in done.out
    assert ("Traceback" in done.err) == bool(debug)
    (line,) = [x for x in done.out.splitlines() if "KeyError" in x]
    assert line.startswith("unknown  permits: not looked at: error 999: ")
    # What it has found until then counts, and so do the others.
    assert "note     permits: before" in done.out
    assert " VMs: " in done.out


def test_an_error_of_ours(host, healthy, monkeypatch):
    def fail(*args):
        raise errors.DomainNotFound("x")

    monkeypatch.setattr(libvirt, "answers", fail)
    code, protected, (found,) = told(host, "libvirt")
    assert (code, protected, found["state"]) == (3, None, "unknown")


class Timer:
    """In place of threading.Timer: the last one that was made runs out."""

    last = None

    def __init__(self, seconds, function, args):
        Timer.last = self
        self.run_out = lambda: function(*args)

    def start(self):
        self.is_running = True

    def cancel(self):
        self.is_running = False


def test_what_it_waits_for_is_told(host, healthy, monkeypatch):
    host.domain(5)
    told, shown = [], output.UI.waits_for
    threads = types.SimpleNamespace(Timer=Timer, Thread=threading.Thread)
    monkeypatch.setattr(jobs, "threading", threads)

    def scan(*args):
        # As long as the survey is patient.
        wait_until(lambda: told)
        return [], []

    def waits_for(ui, places):
        told.extend(p for p in places if p == host.mount)
        shown(ui, places)

    def sudo(*args):
        Timer.last.run_out()
        return []

    monkeypatch.setattr(Sources, "_scan_path", scan)
    monkeypatch.setattr(tools, "sudo", sudo)
    monkeypatch.setattr(output.UI, "waits_for", waits_for)
    done = host.run("doctor", terminal=True)
    waited = [x for x in done.err.splitlines() if x.startswith("waiting for")]
    assert waited[0] == "waiting for sudo ..."
    assert host.mount in waited[1]
    assert not Timer.last.is_running
    # Nobody watches.
    assert "waiting" not in host.run("doctor").err
    assert "waiting" not in host.run("--json", "doctor", terminal=True).err

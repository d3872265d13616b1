# SPDX-License-Identifier: GPL-2.0-or-later
"""VDSM with the plugin, sanlock, and VMs on flagged domains."""

import os

import pytest

from tests.support.doctoring import states
from tests.support.host import procfs, vdsmlike
from vdsm_backup import config, errors
from vdsm_backup.doctor import checks, killed_runs, launcher, running
from vdsm_backup.host import vdsm_client
from vdsm_backup.users import users


class Storage:
    sd_id = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def options(host):
    return config.load(host.config)


@pytest.fixture
def answer(monkeypatch):
    monkeypatch.setattr(vdsm_client, "Vdsm", vdsmlike.Vdsm)

    def answer(value):
        monkeypatch.setattr(vdsmlike.Vdsm, "answer", value)

    return answer


# The plugin


@pytest.mark.parametrize(
    "value, state",
    [
        (True, checks.OK),
        (False, checks.BAD),
        (vdsm_client.Unreachable("refused"), checks.UNKNOWN),
        (vdsm_client.NoClient("no module"), checks.UNKNOWN),
        (vdsm_client.Unanswered("late"), checks.UNKNOWN),
        (vdsm_client.Refused(99, "Recovering from crash"), checks.UNKNOWN),
    ],
)
def test_plugin(options, answer, tmp_path, value, state):
    answer(value)
    (found,) = running.plugin(options, "", procfs.make(tmp_path))
    assert found.state == state
    assert str(value) in found.text or isinstance(value, bool)
    assert found.hint or state == checks.OK


@pytest.mark.parametrize("uid, by_root", [(0, False), (36, False), (1, True)])
def test_who_can_ask_vdsm(
    options, answer, tmp_path, monkeypatch, uid, by_root
):
    """Its own user can as well as root."""
    answer(vdsm_client.Unreachable("refused"))
    options.uid = 36
    monkeypatch.setattr(os, "getuid", lambda: uid)
    (found,) = running.plugin(options, "", procfs.make(tmp_path))
    assert (found.hint == checks.AS_ROOT) == by_root


@pytest.mark.parametrize("name", ["vdsmd", "python3.9"])
@pytest.mark.parametrize("program", [launcher.LAUNCHER, running._VDSM[1]])
@pytest.mark.parametrize("age, state", [(100, "note"), (-100, "ok")])
def test_plugin_that_is_newer_than_vdsm(
    options, answer, tmp_path, name, program, age, state
):
    """VDSM has in memory what was there when it was started."""
    answer(True)
    package = tmp_path / "package" / "plugin"
    package.mkdir(parents=True)
    (package / "x.py").write_text("")
    proc = procfs.make(tmp_path)
    now = os.stat(package / "x.py").st_ctime
    procfs.add(proc, 7, name, ["python3", program], now - age)
    procfs.add(proc, 8, "vim", ["vim", program], now + 1000)
    procfs.add(proc, 9, "python3", ["python3", "x"], now + 1000)
    (found,) = running.plugin(options, str(package.parent), proc)
    assert found.state == state
    assert "pid 7" in found.text or state == "ok"


def test_vdsm_that_was_started_again(options, answer, tmp_path):
    """The wrapper that starts it is as old as the host."""
    answer(True)
    (tmp_path / "x.py").write_text("")
    proc = procfs.make(tmp_path)
    now = os.stat(tmp_path / "x.py").st_ctime
    for pid, age in ((7, 1000), (8, -100)):
        args = ["python3", launcher.LAUNCHER]
        procfs.add(proc, pid, "python3", args, now - age)
    (found,) = running.plugin(options, str(tmp_path), proc)
    assert found.state == checks.OK


# sanlock


def left(**values):
    nothing = killed_runs.Left([], None, "why", "", False)
    return nothing._replace(**values)


@pytest.mark.parametrize(
    "uid, values, state",
    [
        (0, {"lockspaces": {}}, "ok"),
        (0, {}, "bad"),
        (0, {"is_late": True}, "unknown"),
        (1000, {}, "unknown"),
        (1000, {"lockspaces": {}}, "ok"),
    ],
)
def test_sanlock(monkeypatch, uid, values, state):
    monkeypatch.setattr(os, "getuid", lambda: uid)
    util = running.importlib.util
    monkeypatch.setattr(util, "find_spec", lambda name: name)
    (found,) = running.sanlock(left(**values))
    assert found.state == state
    assert state == "ok" or "why" in found.text


def test_no_binding_of_sanlock(monkeypatch):
    util = running.importlib.util
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    (found,) = running.sanlock(left(lockspaces={}))
    assert found.state == checks.BAD


# VMs


def violations(used, flagged=1, unread=(), domains=3, vms=0):
    some = [Storage()] * flagged
    found = running.violations(
        some, lambda storage: used, unread, domains, lambda: vms
    )
    return list(found)


def test_uses_that_break_the_rule():
    """Not an image that is open: that may be a transfer."""
    blocking = ["VM web1 (disk vda)", "LV vol1 is open on this host"]
    used = users.Users(blocking, ["image x is open"], ["note"])
    found = violations(used, 2)
    assert states(found) == [checks.BAD] * 4
    assert [f.text for f in found[:2]] == [
        f"flagged domain {Storage.sd_id} is in use: VM web1 (disk vda)",
        f"flagged domain {Storage.sd_id} is in use: LV vol1 is open on this"
        " host",
    ]


def test_no_vm_breaks_the_rule():
    nobody = users.Users([], ["image x is open"], [])
    (found,) = violations(nobody)
    assert found.state == checks.OK
    assert "none of this host runs" in found.text
    (found,) = violations(nobody, 0)
    assert found.state == checks.OK
    assert found.text.startswith("none can run from a flagged domain: none")


@pytest.mark.parametrize(
    "vms, state, text",
    [
        (0, checks.OK, "none runs on this host"),
        (1, checks.UNKNOWN, "1 runs on this host, and no domain was found"),
        (7, checks.UNKNOWN, "7 run on this host, and no domain was found"),
        (None, checks.UNKNOWN, "no domain was found, and whether VMs run"),
    ],
)
def test_where_no_domain_was_found(vms, state, text):
    """Nothing is ok that could not be looked at."""
    (found,) = violations(users.Users(), 0, domains=0, vms=vms)
    assert found.state == state
    assert found.text.startswith(text)


def test_vms_that_were_not_seen():
    """What is wrong with libvirt is one line, for all domains."""
    used = users.Users(unseen_here=["VMs of this host: down"])
    (found,) = violations(used, 2)
    assert found.state == checks.UNKNOWN
    assert "VMs of this host: down" in found.text


def test_vms_on_what_may_be_flagged():
    (found,) = violations(users.Users(), 1, ["/mnt/a", "/mnt/b\n"])
    assert found.state == checks.UNKNOWN
    assert found.text.endswith("/mnt/a, /mnt/b\\n")


def test_an_error_of_one_domain_is_no_ok():
    def fail(storage):
        raise errors.DomainNotFound("x")

    found = checks.run(
        "VMs", lambda: running.violations([Storage()], fail, (), 1, int), print
    )
    assert states(found) == [checks.UNKNOWN]

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The LVs that sanlock needs: activated, and deactivated again. Who does it when
is in tests/unit/lvm/activation_test.py and activation_left_test.py.
"""

import os

import pytest

from tests.support import commandline, rundir, testhost
from tests.support.storage import blocktools
from tests.support.storage.blocktools import needs_block, storage
from vdsm_backup import errors
from vdsm_backup.lease import client
from vdsm_backup.lvm import activation
from vdsm_backup.lvm.vgs import Lvm

pytest_plugins = ["tests.support.storage.blockfixtures"]
pytestmark = needs_block

WHY = ["--reason", "x"]


def leased(domain):
    return storage(domain).lease_paths(blocktools.activation(domain))


def test_lease_on_lvs_that_are_active(shared_block_domain, monkeypatch):
    monkeypatch.setattr(Lvm, "activate", None)
    monkeypatch.setattr(Lvm, "deactivate", None)
    with leased(shared_block_domain) as paths:
        for name in ("ids", "leases"):
            path = getattr(paths, name)
            assert path == shared_block_domain.lv_path(name)
            assert os.path.realpath(path).startswith("/dev/loop")


def test_no_device_mapper_is_said(block_domain):
    os.unlink(block_domain.lv_path("ids"))
    with pytest.raises(errors.LvmFailed, match="lvchange"):
        with leased(block_domain):
            raise AssertionError("got a lease")


# The command, on a host whose LVs are not active


class Lvs:
    """lvchange on a machine with device-mapper: it makes the paths."""

    def __init__(self, domain, monkeypatch):
        self._domain = domain
        self.calls = []
        self.busy = False
        for name in ("ids", "leases"):
            os.unlink(domain.lv_path(name))
        monkeypatch.setattr(Lvm, "activate", self._activate)
        monkeypatch.setattr(Lvm, "deactivate", self._deactivate)
        monkeypatch.setattr(activation, "CLOSING", 0)

    def _activate(self, vg, names):
        self.calls.append("activate")
        for name in names:
            os.symlink("/dev/null", self._domain.lv_path(name))

    def _deactivate(self, vg, names):
        self.calls.append("deactivate")
        if self.busy:
            raise errors.LvmFailed("lvchange", 5, "in use")
        for name in names:
            os.unlink(self._domain.lv_path(name))

    def active(self):
        return sorted(os.listdir(os.path.dirname(self._domain.lv_path("x"))))


@pytest.fixture
def lvs(block_domain, monkeypatch):
    return Lvs(block_domain, monkeypatch)


@pytest.fixture
def host(block_domain):
    directory = rundir.make("cli")
    with testhost.Host(
        os.path.join(directory, "host"),
        io_timeout=30,
        block=[block_domain],
    ) as host:
        yield host
    rundir.remove(directory)


@pytest.fixture
def free_lease(monkeypatch):
    """sanlock is not what matters."""
    monkeypatch.setattr(client, "take", commandline.free_lease)
    monkeypatch.setattr(client, "require_daemon", lambda *args: None)


def record(host, domain):
    path = os.path.join(host.run_dir, f"{domain.sd_id}.lvs.json")
    return os.path.exists(path)


def stays(done):
    """What is said of LVs; of other things there are notes anyway."""
    return [note for note in done.json["notes"] if "stay active" in note]


def test_set(host, block_domain, lvs, free_lease):
    assert stays(host.json("set", block_domain.sd_id, *WHY)) == []
    assert lvs.calls == ["activate", "deactivate"]
    assert not record(host, block_domain)


def test_dead_daemon_is_told_before_anything_is_touched(
    host, block_domain, lvs, monkeypatch
):
    monkeypatch.setenv("SANLOCK_RUN_DIR", host.run_dir)
    before = block_domain.report("vgs", "vg_seqno")
    assert host.json("set", block_domain.sd_id, *WHY).error == 978
    assert lvs.calls == []
    assert block_domain.report("vgs", "vg_seqno") == before
    assert os.listdir(host.run_dir) == []


@pytest.mark.parametrize("again", ["set", "clear"])
def test_lvs_that_stay_are_a_note(host, block_domain, lvs, free_lease, again):
    """The change was made; that is what the user must hear."""
    lvs.busy = True
    done = host.json("set", block_domain.sd_id, *WHY)
    assert done.code == 0
    assert done.json["changed"] is True
    (note,) = stays(done)
    assert "ids and leases of the domain may stay active" in note
    assert "in use" in note
    assert lvs.active() == ["ids", "leases"]
    assert record(host, block_domain)
    # By a run that changes nothing, too.
    lvs.busy = False
    done = host.json(again, block_domain.sd_id, *WHY)
    assert done.json["changed"] is (again == "clear")
    assert stays(done) == []
    assert lvs.active() == []
    assert not record(host, block_domain)


def test_notes_of_an_error_are_told_too(
    host, block_domain, lvs, free_lease, monkeypatch
):
    def fail(*args):
        raise errors.LeaseBusy(block_domain.sd_id, "host id 3")

    monkeypatch.setattr(client, "take", fail)
    lvs.busy = True
    done = host.run("set", block_domain.sd_id, *WHY)
    assert "error 976" in done.err
    assert "note: ids and leases of the domain may stay active" in done.err


class Clock:
    """Each look at it takes 7 seconds."""

    def __init__(self, sleep):
        self._now = 0
        self._sleep = sleep

    def monotonic(self):
        self._now += 7
        return self._now

    def sleep(self, seconds):
        self._sleep()


def test_waiting_for_another_tool_counts(
    host, block_domain, lvs, free_lease, monkeypatch
):
    asked = []

    def take(request, progress):
        asked.append(request.timeout)
        return commandline.free_lease(request, progress)

    monkeypatch.setattr(client, "take", take)
    other = activation.Record(host.run_dir, f"{block_domain.sd_id}.lvs")
    other.open()
    assert other.lock()
    args = ["set", block_domain.sd_id, *WHY, "--timeout"]
    assert host.json(*args, "1").error == 976
    assert lvs.calls == []
    monkeypatch.setattr(activation, "time", Clock(other.close))
    assert host.json(*args, "60").code == 0
    assert asked == [53]

# SPDX-License-Identifier: GPL-2.0-or-later
"""What may come between set or clear and what they say."""

import contextlib
import os

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from vdsm_backup import errors
from vdsm_backup.change import write
from vdsm_backup.cli import parser
from vdsm_backup.host import vdsm_client
from vdsm_backup.lease import client
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes.records import Record
from vdsm_backup.users import users

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
WHY = ["--reason", "nightly copies"]


def test_interrupted_while_it_writes(host, monkeypatch):
    interrupt(monkeypatch, ["compare", "create", "commit"])
    host.domain(sd_id=A)
    done = host.json("set", A, *WHY)
    assert (done.error, done.code) == (991, 130)
    assert "outcome is unknown (error 982)" in done.json["error"]["message"]


def test_interrupted_before_it_writes(host, monkeypatch):
    interrupt(monkeypatch, ["compare", "create"])
    host.domain(sd_id=A)
    assert host.json("set", A, *WHY).error == 991


def interrupt(monkeypatch, steps):
    def run(storage, old, new, held, io_timeout, on_step):
        for step in steps:
            on_step(step)
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "run", run)


def change_after(host, monkeypatch, change):
    """Somebody else changes the domain as soon as the lease is free again."""

    @contextlib.contextmanager
    def take(request, progress):
        with commandline.free_lease(request, progress) as held:
            yield held
        filedomain.put(host.mount, A, change(host.values(A)))

    monkeypatch.setattr(client, "take", take)


def other(**changes):
    return lambda values: md_lines.flush({**values, **changes})


def test_changed_again_by_somebody_else(host, monkeypatch):
    """Then it is not what we would say that it is."""
    change_after(host, monkeypatch, other(BACKUP="False"))
    host.domain(sd_id=A)
    done = host.run("set", A, *WHY)
    assert (done.code, done.out) == (1, "")
    assert "error 9610: " in done.err
    assert "it is not a backup domain\n" in done.err
    assert (
        f"hint: look at what is there now: {parser.PROGRAM} show" in done.err
    )


def test_destroyed_by_somebody_else(host, monkeypatch):
    change_after(host, monkeypatch, lambda values: ["A=1", *values])
    host.domain(sd_id=A)
    done = host.run("set", A, *WHY)
    assert (done.code, done.out) == (1, "")
    assert "error 963: " in done.err


def test_other_keys_changed_again_by_somebody_else(host, monkeypatch):
    change_after(host, monkeypatch, other(DESCRIPTION="renamed"))
    host.domain(sd_id=A)
    done = host.json("set", A, *WHY)
    assert done.code == 0
    assert done.json["domain"]["name"] == "renamed"
    assert any("changed again" in note for note in done.json["notes"])


def test_in_use_while_only_the_reason_is_changed(host, monkeypatch):
    host.domain(sd_id=A, BACKUP="True", BACKUP_REASON="the old one")
    before = host.bytes(A)
    found = [users.Users(), users.Users(["VM web1"])]
    monkeypatch.setattr(
        users, "find", lambda *args: found.pop(0) if found[1:] else found[0]
    )
    done = host.run("set", A, *WHY, "--replace")
    assert done.code == 4
    assert "error 989: " in done.err
    assert "flag was taken back" not in done.err
    assert "a backup domain as before, reason: the old one" in done.err
    assert host.bytes(A) == before


class VdsmThatOnlySays(vdsm_client.Vdsm):
    """It changes nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def spm(self, pool):
        return vdsm_client.Spm(True, 1)

    def plugin(self):
        return vdsm_client.Plugin(True)

    def set_backup(self, *args):
        return {"changed": True, "notes": []}


@pytest.mark.parametrize("command", ["set", "clear"])
def test_vdsm_says_that_it_was_changed(host, monkeypatch, command):
    monkeypatch.setattr(vdsm_client, "Vdsm", VdsmThatOnlySays)
    flagged = str(command == "clear")
    host.domain(sd_id=A, POOL_UUID=POOL, BACKUP=flagged)
    done = host.run(command, A, *WHY)
    assert (done.code, done.out) == (1, "")
    assert "error 9611: VDSM answered that" in done.err
    assert host.json(command, A, *WHY).error == 9611


class TestTidy:
    """A killed run left the lockspace joined."""

    @pytest.fixture(autouse=True)
    def tidied(self, host, monkeypatch):
        self.requests = []
        monkeypatch.setattr(client, "tidy", self.tidy)
        host.domain(sd_id=A)
        os.makedirs(host.run_dir)
        Record(host.run_dir, A).write({"host_id": 250})

    def tidy(self, request, progress):
        self.requests.append(request)

    def test_by_a_run_that_changes_nothing(self, host):
        host.users = users.Users(["VM web1"])
        assert host.run("set", A, *WHY).code == 4
        assert [request.sd_id for request in self.requests] == [A]

    def test_not_by_a_run_that_takes_the_lease(self, host):
        assert host.run("set", A, *WHY).code == 0
        assert self.requests == []

    def test_not_by_a_dry_run(self, host):
        assert host.run("set", A, *WHY, "--dry-run").code == 0
        assert self.requests == []

    def test_failure_is_a_note(self, host, monkeypatch):
        def fail(request, progress):
            raise errors.SanlockFailed("be used", "it is stopped")

        monkeypatch.setattr(client, "tidy", fail)
        host.users = users.Users(["VM web1"])
        done = host.run("set", A, *WHY)
        assert done.code == 4
        assert "note: a killed run may have left the lockspace" in done.err

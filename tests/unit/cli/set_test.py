# SPDX-License-Identifier: GPL-2.0-or-later
"""set and clear. A real writer process writes; the lease is played."""

import contextlib
import os
import stat

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from vdsm_backup import errors
from vdsm_backup.change import write
from vdsm_backup.cli import parser
from vdsm_backup.host import vdsm_client
from vdsm_backup.lease import client
from vdsm_backup.metadata import encoding, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes.records import Record
from vdsm_backup.users import users

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
WHY = ["--reason", "nightly copies"]


def test_set(host):
    host.domain(sd_id=A, name="data1")
    before = values(host)
    done = host.run("set", "data1", *WHY)
    now = flag.read(values(host), A)
    assert done.out.splitlines() == [
        f"Storage domain data1 ({A}) is a backup domain now.",
        f"    since {now.since} by {now.by}",
        "    reason: nightly copies",
    ]
    assert done.err == "note: not seen: anything\n"
    assert done.code == 0
    assert (now.value, now.reason) == (True, "nightly copies")
    assert values(host) == flag.apply(before, now)


def test_clear(host):
    host.domain(sd_id=A, name="data1", BACKUP="True", BACKUP_REASON="x")
    done = host.run("clear", "data1", *WHY)
    assert done == commandline.Done(
        0, f"Storage domain data1 ({A}) is no backup domain now.\n", ""
    )
    now = flag.read(values(host), A)
    assert (now.value, now.reason) == (False, "nightly copies")


@pytest.mark.parametrize("command", ["set", "clear"])
def test_json(host, command):
    host.domain(sd_id=A)
    done = host.json(command, A, *WHY)
    assert set(done.json) == commandline.CHANGED
    assert done.json["changed"] is True
    assert done.json["dry_run"] is False
    assert set(done.json["domain"]) == commandline.DOMAIN
    assert done.json["domain"]["flag"] is (command == "set")
    assert done.json["domain"]["reason"] == "nightly copies"
    assert done.json["domain"]["seal"] == "valid"
    notes = ["not seen: anything"] if command == "set" else []
    assert done.json["notes"] == notes


@pytest.mark.parametrize("command", ["set", "clear"])
def test_nothing_to_change(host, command):
    host.domain(sd_id=A)
    assert host.run(command, A, *WHY).code == 0
    before = host.bytes(A)
    kept = host.kept()
    done = host.run(command, A, *WHY)
    assert done.out.startswith("Nothing to change: storage domain data1 (")
    assert (done.code, done.err) == (0, "")
    assert host.bytes(A) == before
    assert host.kept() == kept
    data = host.json(command, A, *WHY).json
    assert data["changed"] is False
    assert data["domain"]["flag"] is (command == "set")


@pytest.mark.parametrize("command", ["set", "clear"])
def test_dry_run(host, command):
    host.domain(sd_id=A, name="data1", BACKUP_REASON="old")
    before = host.bytes(A)
    done = host.run(command, A, *WHY, "--dry-run")
    first, *difference = done.out.splitlines()
    assert first.startswith("Dry run, nothing was written: storage domain")
    assert "  - BACKUP_REASON=old" in difference
    assert "  + BACKUP_REASON=nightly copies" in difference
    assert not any("CLASS" in line for line in difference)
    assert "note: a dry run takes no lease" in done.err
    assert done.code == 0
    data = host.json(command, A, *WHY, "--dry-run").json
    assert (data["changed"], data["dry_run"]) == (True, True)
    assert data["domain"]["reason"] == "nightly copies"
    assert host.bytes(A) == before
    assert not os.path.exists(host.history)
    assert not os.path.exists(host.run_dir)


def test_a_copy_is_kept_for_us_alone(host):
    host.domain(sd_id=A)
    host.run("set", A, *WHY)
    assert host.kept() == ["000001.json"]
    assert stat.S_IMODE(os.stat(host.history).st_mode) == 0o700


def test_place_of_copies_that_cannot_be_made(host):
    host.domain(sd_id=A)
    before = host.bytes(A)
    with open(host.history, "w"):
        pass
    done = host.json("set", A, *WHY)
    assert done.error == 984
    assert host.bytes(A) == before


def test_progress_is_for_a_terminal_only(host):
    host.domain(sd_id=A)
    assert "taking a lease" not in host.run("set", A, *WHY).err
    done = host.run("clear", A, *WHY, terminal=True)
    assert "taking a lease ...\n" in done.err
    assert "taking a lease" not in done.out


def test_texts_are_not_wrapped_on_a_terminal(host):
    name, why = "n" * 50, "why " * 49 + "why"
    host.domain(sd_id=A, name=name)
    done = host.run("set", A, "--reason", why, terminal=True)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == f"Storage domain {name} ({A}) is a backup domain now."
    assert lines[2:] == [f"    reason: {why}"]


def test_timeout_is_that_of_the_lease(host, monkeypatch):
    requests = []

    def take(request, progress):
        requests.append(request)
        return commandline.free_lease(request, progress)

    monkeypatch.setattr(client, "take", take)
    host.domain(sd_id=A)
    host.run("set", A, *WHY, "--timeout", "7.5")
    host.run("clear", A, *WHY)
    assert [request.timeout for request in requests] == [7.5, 180]
    first = requests[0]
    dom_md = os.path.join(host.mount, A, "dom_md")
    assert first.ids == os.path.join(dom_md, "ids")
    assert first.leases == os.path.join(dom_md, "leases")
    assert (first.align, first.offset, first.sector) == (2**20, 2**20, 512)
    assert (first.sd_id, first.require_alone) == (A, True)


def test_refused_while_in_use(host):
    host.domain(sd_id=A)
    before = host.bytes(A)
    host.users = users.Users(["VM web1 (disk vda)"], ["image i/v"])
    done = host.run("set", A, *WHY)
    assert done.err.splitlines()[0] == (
        f"vdsm-backup-domain: error 975: Storage domain {A} is in use:"
        " VM web1 (disk vda); image i/v"
    )
    assert (done.code, done.out) == (4, "")
    assert host.bytes(A) == before
    assert host.run("clear", A, *WHY).code == 0


def test_despite_open_images(host):
    host.domain(sd_id=A)
    host.users = users.Users(images=["image i/v"])
    assert host.json("set", A, *WHY).error == 975
    done = host.run("set", A, *WHY, "--despite-open-images")
    assert done.code == 0
    assert "note: image i/v\n" in done.err


def test_accept_origin(host):
    host.domain(sd_id=A, BACKUP_ORIGIN="file:nfs,ino:1,at:x")
    host.run("set", A, *WHY)
    filedomain.put(
        host.mount,
        A,
        md_lines.flush(
            {**values(host), "BACKUP_ORIGIN": "file:nfs,ino:1,at:x"}
        ),
    )
    done = host.json("set", A, *WHY)
    assert done.json["domain"]["origin_match"] == "copied"
    assert done.json["changed"] is False
    done = host.json("set", A, *WHY, "--accept-origin")
    assert done.json["domain"]["origin_match"] == "same"
    assert done.json["changed"] is True


def test_attached(host):
    host.domain(sd_id=A, POOL_UUID=POOL)
    before = host.bytes(A)
    done = host.json("set", A, *WHY)
    assert (done.error, done.code) == (972, 4)
    assert "--pool-is-gone" in " ".join(done.json["error"]["hints"])
    assert host.bytes(A) == before


def test_pool_is_gone(host):
    host.domain(sd_id=A, POOL_UUID=POOL)
    done = host.run("set", A, *WHY, "--pool-is-gone")
    assert done.code == 0
    assert "becomes SPM within 300 seconds may write the old" in done.err


def test_pool_is_gone_but_vdsm_is_not(host):
    host.start_vdsm()
    host.domain(sd_id=A, POOL_UUID=POOL)
    before = host.bytes(A)
    done = host.json("set", A, *WHY, "--pool-is-gone")
    assert (done.error, done.code) == (973, 4)
    assert host.bytes(A) == before


def test_hosted_engine(host):
    host.domain(sd_id=A)
    host.hosted_engine = A
    before = host.bytes(A)
    done = host.json("set", A, *WHY)
    assert (done.error, done.code) == (960, 4)
    assert host.bytes(A) == before


def test_name_that_two_domains_have(host):
    host.domain(sd_id=A, name="data1")
    host.domain(sd_id=B, name="data1")
    done = host.run("set", "data1", *WHY)
    assert (done.code, done.out) == (1, "")
    assert "error 957: data1 is not unique, found: " in done.err
    assert A in done.err and B in done.err
    assert host.kept() == []


def test_name_in_a_place_that_cannot_be_read(host):
    """There may be another one of this name."""
    host.domain(sd_id=A, name="data1")
    host.domain(sd_id=B, name="data2")
    filedomain.put_bytes(host.mount, B, b"\xff")
    assert host.json("set", "data1", *WHY).error == 957
    assert host.run("set", A, *WHY).code == 0


def test_replica_beside_its_origin(host):
    other = host.add_mount("replica:_data")
    host.domain(sd_id=A)
    host.domain(sd_id=A, mount=other)
    before = host.bytes(A), filedomain.get_bytes(other, A)
    done = host.json("set", A, *WHY)
    assert (done.error, done.code) == (957, 1)
    for mount in (host.mount, other):
        assert os.path.join(mount, A) in done.json["error"]["message"]
    assert (host.bytes(A), filedomain.get_bytes(other, A)) == before


@pytest.mark.parametrize("command", ["set", "clear"])
@pytest.mark.parametrize(
    "reason, words",
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("two\nlines", r"without control characters, it has \n"),
        ("a\x1b[2J", r"without control characters, it has \x1b"),
        ("a\x85b", r"without control characters, it has \x85"),
        ("a\u2028b", r"without control characters, it has \u2028"),
        ("a\udc80b", r"without control characters, it has \udc80"),
        ("x" * 1007, "it takes 1007 characters as a VG tag, 1006 fit"),
        (" a" * 300, "it takes 1496 characters as a VG tag, 1006 fit"),
    ],
)
def test_reason_that_cannot_be_stored(host, command, reason, words):
    host.domain(sd_id=A)
    before = host.bytes(A)
    done = host.run(command, A, "--reason", reason)
    assert words in done.err
    assert done.err.startswith("vdsm-backup-domain: error 971: ")
    assert commandline.hidden(done.err) == []
    assert done.code == 2
    assert host.bytes(A) == before


def test_longest_reason(host):
    host.domain(sd_id=A)
    assert host.run("set", A, "--reason", "x" * 1006).code == 0
    assert len(flag.read(values(host), A).reason) == 1006


# What may come between.


def test_interrupted_while_it_writes(host, monkeypatch):
    interrupt(monkeypatch, ["compare", "create", "commit"])
    host.domain(sd_id=A)
    done = host.json("set", A, *WHY)
    assert done.error == 982
    assert "interrupted while it wrote" in done.json["error"]["message"]


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


def test_changed_again_by_somebody_else(host, monkeypatch):
    """Then it is not what we would say that it is."""

    @contextlib.contextmanager
    def take(request, progress):
        with commandline.free_lease(request, progress) as held:
            yield held
        lines = md_lines.flush({**values(host), "BACKUP": "False"})
        filedomain.put(host.mount, A, lines)

    monkeypatch.setattr(client, "take", take)
    host.domain(sd_id=A)
    done = host.run("set", A, *WHY)
    assert (done.code, done.out) == (1, "")
    assert "error 9610: " in done.err
    assert "it is no backup domain\n" in done.err
    assert (
        f"hint: look at what is there now: {parser.PROGRAM} show" in done.err
    )


def test_destroyed_by_somebody_else(host, monkeypatch):
    @contextlib.contextmanager
    def take(request, progress):
        with commandline.free_lease(request, progress) as held:
            yield held
        filedomain.put(host.mount, A, ["A=1", *values(host)])

    monkeypatch.setattr(client, "take", take)
    host.domain(sd_id=A)
    done = host.run("set", A, *WHY)
    assert (done.code, done.out) == (1, "")
    assert "error 963: " in done.err


def test_other_keys_changed_again_by_somebody_else(host, monkeypatch):
    @contextlib.contextmanager
    def take(request, progress):
        with commandline.free_lease(request, progress) as held:
            yield held
        lines = md_lines.flush({**values(host), "DESCRIPTION": "renamed"})
        filedomain.put(host.mount, A, lines)

    monkeypatch.setattr(client, "take", take)
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
    done = host.run("set", A, *WHY)
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

    def has_plugin(self):
        return True

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


def test_lease_that_is_not_free(host, monkeypatch):
    @contextlib.contextmanager
    def take(request, progress):
        raise errors.LeaseBusy(A, "host id 7")
        yield

    monkeypatch.setattr(client, "take", take)
    host.domain(sd_id=A)
    before = host.bytes(A)
    done = host.run("set", A, *WHY)
    assert f"error 976: The SDM lease of storage domain {A} is" in done.err
    assert done.code == 4
    assert host.bytes(A) == before
    assert host.kept() == []


def values(host):
    lines = encoding.decode_file(host.bytes(A), A)
    assert md_lines.parse(lines).seal == "valid"
    return md_lines.parse(lines).values

# SPDX-License-Identifier: GPL-2.0-or-later
import os
import threading

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from vdsm_backup.cli import show
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users import users

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
EVIL = "a\x1b[2Jb\u202ec"
FLAG = {
    "BACKUP": "True",
    "BACKUP_BY": "admin@host1",
    "BACKUP_ORIGIN": "file:nfs4,ino:1,at:server:/data",
    "BACKUP_REASON": "nightly copies of site A",
    "BACKUP_SINCE": "2026-11-22T11:40:00Z",
}


def test_all_that_is_known(host):
    host.domain(sd_id=A, POOL_UUID=POOL, **FLAG)
    host.users = users.Users(
        ["VM web1 (disk vda)"], ["image i/v is open"], ["not seen: x"]
    )
    done = host.run("show", "data1")
    shown, _, metadata = done.out.partition("Metadata\n")
    assert shown.splitlines() == [
        f"UUID              {A}",
        "Name              data1",
        "Kind              file, NFS",
        "Version           5",
        "Class             Data",
        f"Attached to pool  {POOL}",
        f"Found at          {host.mount}/{A}",
        "Checksum          valid",
        "Backup domain     yes",
        "  reason          nightly copies of site A",
        "  by              admin@host1",
        "  since           2026-11-22T11:40:00Z",
        "  origin          file:nfs4,ino:1,at:server:/data",
        "  origin match    copied",
        "In use by         VM web1 (disk vda)",
        "                  image i/v is open",
        "Note              not seen: x",
    ]
    lines = md_lines.flush(filedomain.metadata(A, POOL_UUID=POOL, **FLAG))
    assert metadata.splitlines() == [f"    {line}" for line in lines]
    assert done.err == (
        "note: its files were copied since it was flagged; if it is the domain"
        " from now on, and what it comes from is gone or disconnected:"
        f" vdsm-backup-domain set {A} --accept-origin --reason TEXT\n"
    )
    assert done.code == 0


def test_json(host):
    host.domain(sd_id=A, **FLAG)
    host.users = users.Users(["VM web1"], ["image"], ["not seen: x"])
    done = host.json("show", A)
    assert set(done.json) == {"schema", "domain", "metadata", "users"}
    assert set(done.json["domain"]) == commandline.DOMAIN
    assert done.json["domain"]["origin_match"] == "copied"
    assert done.json["users"] == {
        "blocking": ["VM web1"],
        "images": ["image"],
        "notes": ["not seen: x"],
    }
    lines = md_lines.flush(filedomain.metadata(A, **FLAG))
    assert done.json["metadata"] == lines


def test_uuid_in_upper_case(host):
    host.domain(sd_id=A)
    assert host.json("show", A.upper()).json["domain"]["id"] == A


def test_nobody_seen_is_said_so(host):
    host.domain(name="data1")
    out = host.run("show", "data1").out
    assert "In use by         nobody that can be seen\n" in out
    assert "Note              not seen: anything\n" in out


def test_where_other_hosts_are_never_seen(host):
    host.domain(name="data1")
    host.users = users.Users(elsewhere=["VMs of other hosts"])
    out = host.run("show", "data1").out
    assert "In use by         nobody that can be seen on this host\n" in out
    assert "Note              -\n" in out


@pytest.mark.parametrize(
    "damage, code",
    [
        (lambda lines: lines[:-1] + [md_lines.SEAL + "=" + "0" * 40], 964),
        (lambda lines: [], 963),
        (lambda lines: [*lines, "VERSION=4"], 967),
    ],
)
def test_unknown_flag_is_a_failure_that_still_shows_what_is_there(
    host, damage, code
):
    lines = damage(md_lines.flush(filedomain.metadata(A)))
    host.domain(sd_id=A)
    filedomain.put(host.mount, A, lines)
    done = host.run("show", A)
    assert done.code == 1
    assert f"vdsm-backup-domain: error {code}: " in done.err
    assert "Backup domain     unknown\n" in done.out
    assert all(f"    {line}\n" in done.out for line in lines)
    data = host.json("show", A)
    assert data.code == 1
    assert data.json["domain"]["error"]["code"] == code
    assert data.json["metadata"] == lines


def test_no_seal_is_a_warning(host):
    host.domain(sd_id=A)
    lines = md_lines.flush(filedomain.metadata(A))
    filedomain.put(host.mount, A, lines[:-1])
    done = host.run("show", A)
    assert done.code == 0
    assert "Checksum          missing\n" in done.out
    assert done.err.startswith("note: error 965: ")


def test_harmless(host):
    host.domain(sd_id=A, name=EVIL, CLASS=EVIL, TYPE=EVIL, MINE=EVIL)
    host.users = users.Users([EVIL], [EVIL], [EVIL])
    done = host.run("show", A)
    assert commandline.hidden(done.out + done.err) == []
    assert done.out.count(r"a\x1b[2Jb\u202ec") == 3 + 3 + 4
    data = host.json("show", A)
    assert commandline.hidden(data.out) == []
    assert data.json["domain"]["name"] == EVIL
    assert f"MINE={EVIL}" in data.json["metadata"]


def test_texts_are_not_wrapped_on_a_terminal(host):
    why, note = "why " * 49 + "why", "not seen: " + "VMs of hosts " * 10
    host.domain(sd_id=A, **{**FLAG, "BACKUP_REASON": why})
    host.users.notes.append(note)
    done = host.run("show", A, terminal=True)
    assert done.out == host.run("show", A).out
    assert f"  reason          {why}\n" in done.out
    assert f"{note.strip()}\n" in done.out
    assert f"    BACKUP_REASON={why}\n" in done.out


def test_path_of_a_domain(host, tmp_path):
    """Where VDSM did not mount it."""
    mount = tmp_path / "elsewhere"
    host.domain(sd_id=A, mount=str(mount))
    assert host.run("show", A).code == 1
    done = host.json("show", "--path", str(mount / A))
    assert done.json["domain"]["id"] == A


def test_path_of_a_mount(host, tmp_path):
    mount = str(tmp_path / "elsewhere")
    host.domain(sd_id=A, name="data1", mount=mount)
    assert host.json("show", "--path", mount).json["domain"]["id"] == A
    other = host.domain(name="data2", mount=mount)
    assert host.json("show", "--path", mount).error == 957
    for sd in (other, "data2"):
        done = host.json("show", sd, "--path", mount)
        assert done.json["domain"]["id"] == other
    assert host.json("show", "data3", "--path", mount).error == 956


def test_path_that_is_relative(host, tmp_path, monkeypatch):
    host.domain(sd_id=A, mount=str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    done = host.json("show", "--path", "elsewhere")
    assert done.json["domain"]["id"] == A


@pytest.mark.parametrize("name", ["nothing", "file", "empty"])
def test_path_without_a_domain(host, tmp_path, name):
    (tmp_path / "file").write_text("text")
    (tmp_path / "empty").mkdir()
    done = host.json("show", "--path", str(tmp_path / name))
    assert (done.code, done.error) == (1, 956)


def test_device_that_is_none(host, tmp_path):
    (tmp_path / "file").write_text("text")
    done = host.json("show", "--device", str(tmp_path / "file"))
    assert done.code == 1
    assert done.error in (956, 969)


@pytest.mark.parametrize("device", ["/dev/a,/dev/b", "-f", "/dev/$(x)"])
def test_device_that_is_no_name_of_one(host, device):
    done = host.json("show", f"--device={device}")
    assert (done.code, done.error) == (2, 990)


def test_place_that_failed_is_a_note(host):
    host.domain(sd_id=A)
    os.symlink("x" * 300, os.path.join(host.repo, "mnt", "broken"))
    done = host.run("show", A)
    assert done.code == 0
    assert "broken could not be searched: " in done.err
    (note,) = host.json("show", A).json["domain"]["notes"]
    assert "broken" in note


def test_look_for_users_that_never_ends(host, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(users, "find", lambda *args: go.wait(10))
    monkeypatch.setattr(show, "_GRACE", 0)
    host.domain(sd_id=A)
    done = host.run("show", A)
    go.set()
    assert "not seen: who uses it: this host did not answer" in done.out


def test_fault_in_the_look_for_users(host, monkeypatch):
    def broken(*args):
        raise LookupError("why")

    monkeypatch.setattr(users, "find", broken)
    host.domain(sd_id=A)
    assert host.json("show", A).error == 999

# SPDX-License-Identifier: GPL-2.0-or-later
"""Which domain is meant, and what is said where that is not certain."""

import os

import pytest

from tests.support.storage import filedomain
from vdsm_backup.fileio import worker_client
from vdsm_backup.host import devices

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
C = "0ad9a6a0-5f6c-4b1c-ffff-0c6f8ac43e25"
WHY = ["--reason", "nightly copies"]
COMMANDS = [["show"], ["check"], ["set", *WHY], ["clear", *WHY], ["history"]]


@pytest.fixture
def two(host):
    """The name of B cannot be read."""
    host.domain(sd_id=A, name="data1")
    host.domain(sd_id=B, name="data2")
    filedomain.put_bytes(host.mount, B, b"\xff")
    return host


@pytest.fixture
def failing(host):
    """A place that cannot be searched, beside a domain."""
    host.domain(sd_id=A, name="data1")
    path = os.path.join(host.repo, "mnt", "failing")
    os.symlink("x" * 300, path)
    return path


def said(done):
    error, hints = done.err.splitlines()[0], done.err.splitlines()[1:]
    assert done.code == 1
    return error.partition(": error ")[2], hints


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_name_that_another_one_may_have(two, command):
    before = two.bytes(A), two.bytes(B)
    error, hints = said(two.run(command[0], "data1", *command[1:]))
    assert error == (
        f'9609: Cannot be sure which domain "data1" is: {A} has this name,'
        f" and the name of 1 domain cannot be read: {B} (error 963)"
    )
    expected = [f"hint: use the UUID: vdsm-backup-domain show {A}"]
    if command[0] != "show":
        why = " --reason 'nightly copies'" if command[1:] == WHY else ""
        expected.append(
            "hint: if it is the one that you mean: vdsm-backup-domain"
            f" {command[0]} {A}{why} --config {two.config}"
        )
    assert hints[:-1] == expected
    assert (two.bytes(A), two.bytes(B)) == before
    assert two.run(command[0], A, *command[1:]).code == 0


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_name_that_none_has(two, command):
    error, hints = said(two.run(command[0], "data3", *command[1:]))
    assert error == (
        '9612: No domain "data3" was found. The names of these domains could'
        f" not be read, it may be one of them: {B} (error 963)"
    )
    assert hints[:-1] == [
        "hint: see what this host can see: vdsm-backup-domain list"
    ]


def test_several_whose_names_cannot_be_read(host):
    ids = [f"{n:08}{B[8:]}" for n in range(7)]
    for sd_id in ids:
        filedomain.put_bytes(host.mount, host.domain(sd_id=sd_id), b"")
    # One of them is in two places.
    host.add_mount("other:_data", target=host.mount)
    error, _ = said(host.run("show", "data3"))
    shown = ", ".join(f"{sd_id} (error 963)" for sd_id in ids[:5])
    assert error.endswith(f"one of them: {shown} and 2 more")


@pytest.mark.parametrize("where", [[], ["--path"]], ids=["", "path"])
def test_name_and_uuid_at_a_path(two, where):
    where = [*where, two.mount] if where else []
    assert two.json("show", "data1", *where).error == 9609
    assert two.json("show", "data3", *where).error == 9612
    assert two.json("show", A, *where).code == 0
    assert two.json("show", C, *where).error == 956


@pytest.mark.parametrize("sd", ["data1", A[:9]])
def test_place_that_cannot_be_searched(host, failing, sd):
    error, _ = said(host.run("show", sd))
    why = {"data1": "has this name"}.get(sd, "begins so")
    assert error.startswith(
        f'9609: Cannot be sure which domain "{sd}" is: {A} {why}, and 1 place'
        f" cannot be searched: {failing} (error 961: "
    )


@pytest.mark.parametrize("sd", ["data3", B])
def test_it_may_be_in_a_place_that_cannot_be_searched(host, failing, sd):
    error, hints = said(host.run("show", sd))
    assert error.startswith(
        f'9612: No domain "{sd}" was found. These places could not be'
        f" searched, it may be there: {failing} (error 961: "
    )
    assert "check the storage" not in str(hints)


def test_domain_that_cannot_be_looked_at(host):
    """Its directory has its UUID, so it is no other domain."""
    host.domain(sd_id=A, name="data1")
    os.symlink(host.repo, os.path.join(host.mount, B))
    done = host.json("show", A)
    assert (done.code, done.json["domain"]["notes"]) == (0, [])
    assert host.json("show", C).error == 956
    assert host.json("show", B).error == 961
    assert host.json("show", B[:8]).error == 961


def test_device_whose_name_lvm_does_not_take(host, monkeypatch):
    """The domain may be on it; VDSM leaves it out, too."""
    device = "/dev/mapper/a b"
    monkeypatch.setattr(devices, "left_out", lambda configured: [device])
    done = host.json("list")
    (row,) = done.json["domains"]
    assert (row["place"], row["kind"], row["flag"]) == (device, "block", None)
    assert (row["error"]["code"], done.code) == (969, 3)
    assert "its name has characters" in row["error"]["message"]
    assert "/etc/multipath.conf" in row["error"]["hints"][0]
    done = host.json("show", "data1")
    assert done.error == 9612
    assert device in done.json["error"]["message"]


def test_links_that_lead_nowhere_are_notes(host):
    """VDSM, who follows them, finds no domain there: no name is in doubt."""
    host.domain(sd_id=A, name="data1")
    links = [
        (os.path.join(host.repo, "mnt", "itself"), "itself"),
        (os.path.join(host.mount, B), "/nonexistent"),
        (os.path.join(host.mount, B[:-1] + "0"), B[:-1] + "0"),
    ]
    for path, target in links:
        os.symlink(target, path)
    done = host.json("list")
    assert (done.code, [row["id"] for row in done.json["domains"]]) == (0, [A])
    for path, _ in links:
        assert any(note.startswith(path) for note in done.json["notes"])
    done = host.run("show", "data1")
    assert (done.code, done.err) == (0, "")
    done = host.run("verify")
    assert done.code == 0
    for path, _ in links:
        assert f"{path}: no domain\n" in done.out


def test_directory_that_is_closed(host, monkeypatch):
    """--path of any directory: nobody is to chown that."""

    def refused(io, path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(worker_client.EmbeddedFileIO, "listdir", refused)
    done = host.json("show", "--path", "/")
    assert done.error == 961
    error = done.json["error"]
    assert error["message"].startswith("Cannot look for a domain in /: user ")
    assert "chown" not in str(error["hints"])


def test_verify_of_what_is_not_certain(two):
    done = two.json("verify", "data1", "data3", A)
    codes = [
        [problem["code"] for problem in row["problems"]]
        for row in done.json["domains"]
    ]
    assert (done.code, codes) == (3, [[9609], [9612], []])


# What hides no domain


@pytest.fixture(params=["link", "file", "link to a file"])
def left(request, host):
    path = os.path.join(host.repo, "mnt", "left")
    if request.param == "link":
        os.symlink("/nonexistent", path)
    elif request.param == "file":
        open(path, "w").close()
    else:
        os.symlink(__file__, path)
    return path


def test_what_hides_no_domain_is_a_note(host, left):
    host.domain(sd_id=A, name="data1")
    done = host.run("list")
    assert done.code == 0
    assert f"note: {left}: " in done.err
    done = host.json("list")
    assert [d["id"] for d in done.json["domains"]] == [A]
    (note,) = done.json["notes"]
    assert note.startswith(left)
    done = host.json("verify")
    assert done.code == 0
    (row,) = [d for d in done.json["domains"] if d["place"] == left]
    assert (row["ok"], len(row["notes"])) == (True, 1)
    for sd in (A, "data1", A[:8]):
        assert host.json("show", sd).json["domain"]["notes"] == []
    assert host.json("show", "data2").error == 956
    assert host.run("set", "data1", *WHY).code == 0


def test_what_may_hide_a_domain_is_none(host, failing):
    assert host.json("list").code == 3
    assert host.json("verify").code == 3

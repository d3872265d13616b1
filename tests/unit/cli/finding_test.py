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
    os.symlink("failing", path)
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
    if command[1:] == WHY:
        expected.append(
            "hint: if it is the one that you mean: vdsm-backup-domain"
            f" {command[0]} {A} --reason 'nightly copies'"
            f" --config {two.config}"
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
    os.symlink(B, os.path.join(host.mount, B))
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


# The beginning of a UUID


@pytest.mark.parametrize("sd", [A[:8], A[:9], A[:20], A[:35], A[:13].upper()])
def test_beginning_of_a_uuid(host, sd):
    host.domain(sd_id=A, name="data1")
    host.domain(sd_id=B)
    assert host.json("show", sd).json["domain"]["id"] == A
    assert host.json("check", sd).code == 0
    for command in ("set", "clear"):
        done = host.run(command, sd, *WHY)
        assert done.code == 0
        first = done.err.splitlines()[0]
        assert first == f"note: {sd} is storage domain {A}"
    assert len(host.json("history", sd).json["copies"]) == 2
    (row,) = host.json("verify", sd).json["domains"]
    assert row["id"] == A


@pytest.mark.parametrize(
    "sd", [A[:7], A[1:10], A[:9].replace("-", "_"), "0" * 9]
)
def test_no_beginning_of_a_uuid(host, sd):
    host.domain(sd_id=A)
    assert host.json("show", sd).error == 956


def test_beginning_of_two_uuids(host):
    host.domain(sd_id=A)
    host.domain(sd_id=C)
    done = host.run("set", A[:8], *WHY)
    assert done.code == 1
    for sd_id in (A, C):
        assert sd_id in done.err
    assert "BACKUP" not in host.values(A)
    assert host.json("show", A[:20]).json["domain"]["id"] == A


def test_name_that_begins_a_uuid(host):
    host.domain(sd_id=A)
    host.domain(sd_id=B, name=A[:8])
    assert host.json("show", A[:8]).json["domain"]["id"] == B


def test_beginning_of_a_domain_that_cannot_be_read(host):
    host.domain(sd_id=A)
    assert host.run("set", A, *WHY).code == 0
    good = host.bytes(A)
    assert host.run("clear", A, *WHY).code == 0
    filedomain.put_bytes(host.mount, A, b"")
    done = host.run("restore", A[:8], "--from", "2")
    assert done.code == 0, done.err
    assert host.bytes(A) == good


def test_beginning_of_a_domain_that_is_gone(host):
    host.domain(sd_id=A)
    assert host.run("set", A, *WHY).code == 0
    os.rename(os.path.join(host.mount, A), os.path.join(host.repo, A))
    assert host.json("history", A[:8]).json["domain"] == A
    assert host.json("history", B[:8]).error == 956


# The place of the domain


@pytest.fixture(params=["path", "directory", "export", "gluster"])
def place(request, host):
    """As an SD, of a domain that is alone there."""
    mount, sd = host.add_mount("nas1:_a__b_c"), "nas1:/a_b//c/"
    if request.param == "gluster":
        mount = host.add_mount("glusterSD/gl1:_vol")
        sd = "gl1:/vol"
    host.domain(sd_id=A, mount=mount, name="data1")
    host.domain(sd_id=B)
    if request.param == "path":
        return mount
    return os.path.join(mount, A) if request.param == "directory" else sd


def test_place_as_sd(host, place):
    assert host.json("show", place).json["domain"]["id"] == A
    assert host.json("check", place).code == 0
    done = host.run("set", place, *WHY)
    assert done.code == 0, done.err
    assert f"note: {place} is storage domain {A}\n" in done.err
    assert host.json("history", place).json["domain"] == A
    assert [d["id"] for d in host.json("verify", place).json["domains"]] == [A]


def test_place_of_two_domains(host):
    host.domain(sd_id=A)
    host.domain(sd_id=B)
    error, hints = said(host.run("set", "server:/data", *WHY))
    assert A in error and B in error
    assert hints[:-1] == ["hint: name one of them by its UUID: SD"]
    assert len(host.json("verify", host.mount).json["domains"]) == 2


@pytest.mark.parametrize("sd", ["server:/other", "/nonexistent", "x:/"])
def test_place_without_a_domain(host, sd):
    host.domain(sd_id=A)
    for command in (["show"], ["set", *WHY]):
        assert host.json(command[0], sd, *command[1:]).error in (956, 961)
    (row,) = host.json("verify", sd).json["domains"]
    assert row["problems"][0]["code"] in (956, 961)


# Several


def test_show_several(host):
    host.domain(sd_id=A, name="data1")
    host.domain(sd_id=B, name="data2")
    done = host.json("show", "data1", B)
    assert done.code == 0
    entries = done.json["domains"]
    assert [entry["domain"]["id"] for entry in entries] == [A, B]
    for entry in entries:
        one = host.json("show", entry["domain"]["id"]).json
        del one["schema"]
        assert entry == one
    text = host.run("show", "data1", B).out
    parts = [host.run("show", sd).out for sd in (A, B)]
    assert text == "\n".join(parts)


def test_show_several_of_which_one_is_not_there(host):
    host.domain(sd_id=A)
    done = host.json("show", "nosuch", A)
    assert done.code == 1
    first, second = done.json["domains"]
    assert (first["domain"], first["sd"]) == (None, "nosuch")
    assert first["error"]["code"] == 956
    assert second["domain"]["id"] == A
    done = host.run("show", A, "nosuch")
    assert done.code == 1
    assert A in done.out
    assert "error 956: " in done.err


def test_history_of_several(host):
    for sd_id in (A, B):
        host.domain(sd_id=sd_id)
    assert host.run("set", A, *WHY).code == 0
    done = host.json("history", A, B, A)
    found = [(h["domain"], len(h["copies"])) for h in done.json["histories"]]
    assert (done.code, found) == (0, [(A, 1), (B, 0)])
    text = host.run("history", A, B).out
    assert text.startswith(f"Storage domain {A}:\n")
    assert text.endswith(f"This host keeps no copies of storage domain {B}.\n")
    for option in ("--show", "--export"):
        assert host.json("history", A, B, option, "1").code == 2


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

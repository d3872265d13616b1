# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways to name a domain: a part of its UUID, its place, several."""

import os
import shlex

import pytest

from tests.support.storage import filedomain

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
C = "0ad9a6a0-5f6c-4b1c-ffff-0c6f8ac43e25"
WHY = ["--reason", "nightly copies"]


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


@pytest.mark.parametrize("sd", [A[:1], A[:7], A[:7].upper()])
def test_beginning_that_is_too_short(host, sd):
    host.domain(sd_id=A)
    host.domain(sd_id=B)
    needed = "the UUID of 1 domain begins so, but of a UUID at least 8"
    hint = f"hint: if you mean that one: vdsm-backup-domain show {A}\n"
    for command in (
        ["show"],
        ["show", "--path", host.mount],
        ["set", *WHY],
        ["history"],
        ["log"],
    ):
        done = host.run(command[0], sd, *command[1:])
        assert done.code == 1
        assert "error 956: " in done.err and f"; {needed}" in done.err
        assert hint in done.err
    filedomain.put_bytes(host.mount, A, b"")
    done = host.run("show", sd)
    assert f'error 9612: No domain "{sd}" was found; {needed}' in done.err
    assert hint in done.err


def test_too_short_for_one_of_two(host):
    for sd_id in (A, C):
        host.domain(sd_id=sd_id)
    done = host.run("show", A[:4])
    assert "the UUIDs of 2 domains begin so" in done.err
    assert f"show {A} {C}\n" in done.err


def test_name_that_is_a_short_beginning(host):
    """It means no UUID, so the name is that of one domain."""
    host.domain(sd_id=A)
    host.domain(sd_id=B, name=A[:7])
    assert host.json("show", A[:7]).json["domain"]["id"] == B


def test_a_change_says_first_which_domain_a_name_is(host):
    """Also one that is refused then: the name may be a wrong one."""
    host.domain(sd_id=A, name="data1")
    note = f"note: data1 is storage domain {A}"
    for command in (
        ["set", *WHY, "--dry-run"],
        ["set", *WHY],
        ["set", "--reason", "another"],
        ["clear", *WHY],
        ["restore"],
        ["restore", "--from", "9"],
        ["reseal", *WHY],
    ):
        done = host.run(command[0], "data1", *command[1:])
        assert done.err.splitlines()[0] == note
    for sd in (A, A.upper()):
        assert note not in host.run("clear", sd, *WHY).err


@pytest.mark.parametrize("sd", [A[:8], A[:8].upper()])
@pytest.mark.parametrize("name", [A[:8], A[:8].upper()])
def test_upper_and_lower_case_mean_the_same(host, sd, name):
    """As they do in a UUID. So a domain that is named so is no other one."""
    host.domain(sd_id=B, name=name)
    assert host.json("show", sd).json["domain"]["id"] == B
    host.domain(sd_id=A)
    done = host.json("show", sd)
    assert done.error == 957
    message = done.json["error"]["message"]
    assert f"{A} (its UUID begins so)" in message
    assert f"{B} (its name is that)" in message


@pytest.mark.parametrize("name", ["Data1", A[:7].upper(), A[:9].upper() + "x"])
def test_any_other_name_is_exact(host, name):
    host.domain(sd_id=B, name=name)
    assert host.json("show", name).json["domain"]["id"] == B
    assert host.json("show", name.lower()).error == 956


def test_two_names_that_differ_in_case(host):
    """Each is what a UUID may begin with, so neither is meant."""
    host.domain(sd_id=B, name="deadbeef")
    host.domain(sd_id=C, name="DEADBEEF")
    for sd in ("deadbeef", "DEADBEEF"):
        assert host.json("show", sd).error == 957


@pytest.mark.parametrize("damaged", [False, True])
def test_name_with_which_the_uuid_of_another_one_begins(host, damaged):
    """Neither is meant: whoever typed it may have had either in mind."""
    host.domain(sd_id=A)
    host.domain(sd_id=B, name=A[:8])
    if damaged:
        filedomain.put_bytes(host.mount, A, b"")
    before = host.bytes(A), host.bytes(B)
    places = [os.path.join(host.mount, sd_id) for sd_id in (A, B)]
    for command in (
        ["show"],
        ["check"],
        ["set", *WHY],
        ["clear", *WHY],
        ["history"],
        ["log"],
        ["restore"],
        ["reseal", *WHY],
    ):
        done = host.run(command[0], A[:8], *command[1:])
        assert (done.code, done.out) == (1, "")
        assert done.err.splitlines()[0].endswith(
            f" is not unique, found: {places[0]} (its UUID begins so),"
            f" {places[1]} (its name is that)"
        )
        assert f"vdsm-backup-domain show {A} {B}\n" in done.err
    assert (host.bytes(A), host.bytes(B)) == before
    done = host.run("verify", A[:8])
    assert done.out.startswith(f"{A[:8]}: not unique")


def test_name_that_is_the_uuid_of_another_one(host):
    host.domain(sd_id=A)
    host.domain(sd_id=B, name=A)
    assert host.json("show", A).json["domain"]["id"] == A


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
    done = host.run("set", "server:/data", *WHY)
    assert done.code == 1
    error, *hints = done.err.splitlines()
    assert A in error and B in error
    (hint,) = hints[:-1]
    first, _, command = hint.rpartition(": ")
    assert first == "hint: name one of them by its UUID"
    program, *args = shlex.split(command)
    assert args[:2] == ["set", A]
    assert host.run(*args, "--dry-run").code == 0
    assert len(host.json("verify", host.mount).json["domains"]) == 2


@pytest.mark.parametrize("sd", ["server:/other", "/nonexistent", "x:/"])
def test_place_without_a_domain(host, sd):
    host.domain(sd_id=A)
    for command in (["show"], ["set", *WHY]):
        assert host.json(command[0], sd, *command[1:]).error == 956
    (row,) = host.json("verify", sd).json["domains"]
    assert row["problems"][0]["code"] == 956


def test_path_that_is_not_there_is_no_fault_of_the_storage(host, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (str(tmp_path / "nosuch"), str(tmp_path / "file")):
        done = host.run("show", "--path", path)
        assert f"error 956: Storage domain in {path}, which is no" in done.err
        assert "check the storage connection" not in done.err


@pytest.mark.parametrize("command", [["show"], ["verify"], ["check"]])
def test_device_that_is_no_path(host, command):
    """And not the configuration, which names no device at all."""
    done = host.json(*command, "--device", "loop0")
    assert (done.code, done.error) == (2, 990)
    assert "--device 'loop0'" in done.json["error"]["message"]


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


def test_history_of_several_of_which_one_is_not_there(host):
    host.domain(sd_id=A)
    assert host.run("set", A, *WHY).code == 0
    for sds in ((A, "nosuch"), ("nosuch", A)):
        done = host.json("history", *sds)
        assert done.code == 3
        found = {h["domain"]: h for h in done.json["histories"]}
        assert len(found[A]["copies"]) == 1
        assert found[None]["sd"] == "nosuch" and found[None]["copies"] == []
        assert found[None]["error"]["code"] == 956
        done = host.run("history", *sds)
        assert done.code == 3
        assert len(done.out.splitlines()) == 3
        assert "error 956: Storage domain nosuch was not found" in done.err


def test_history_of_several_of_which_none_is_there(host):
    done = host.json("history", "nosuch", "nowhere")
    assert done.code == 1
    errors = [h["error"]["code"] for h in done.json["histories"]]
    assert errors == [956, 956]

# SPDX-License-Identifier: GPL-2.0-or-later
"""
A domain that is found in two places, and is changed or looked at: how it is
told, and the way out. The lease is played.
"""

import os
import shlex

import pytest

from tests.support.placefixtures import WHY, A, B
from tests.support.storage import filedomain
from vdsm_backup.cli import parser
from vdsm_backup.metadata import domain
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.file import FileStorage

pytest_plugins = ["tests.support.placefixtures"]

CHANGES = [["set", *WHY], ["clear", *WHY], ["restore", "--from", "1"]]


def ids(change):
    return change[0]


def prepare(host, change):
    """There is something to change, and a copy to restore."""
    where = ["--path", host.mount]
    assert host.run("set", A, "--reason", "x", *where).code == 0
    if change[0] == "set":
        assert host.run("clear", A, "--reason", "x", *where).code == 0


def runnable(done):
    """The command that the hint names, without the name of the program."""
    (hint,) = [x for x in done.err.splitlines() if x.startswith("hint: ")]
    words = shlex.split(hint[hint.index(parser.PROGRAM) :])
    return words[1:]


@pytest.mark.parametrize("sd", [A, A.upper(), "data1"])
@pytest.mark.parametrize("change", CHANGES, ids=ids)
def test_the_way_out_can_be_run(host, twice, change, sd):
    prepare(host, change)
    before = host.bytes(A)
    done = host.run(change[0], sd, *change[1:])
    assert (done.code, done.out) == (1, "")
    assert "error 957: " in done.err
    for mount in (host.mount, twice):
        assert os.path.join(mount, A) in done.err
    assert host.bytes(A) == before
    done = host.run(*runnable(done))
    assert done.code == 0, done.err
    assert host.bytes(A) != before


def test_the_way_out_has_all_options(host, twice):
    args = ["--despite-open-images", "--timeout", "7", "--dry-run"]
    args += ["--accept-origin", "--pool-is-gone"]
    done = host.run("set", A, *WHY, *args)
    assert set(runnable(done)) >= {"set", A, *WHY, *args, "--path"} - {"7"}
    assert "7.0" in runnable(done)
    # Another configuration may have other storage.
    assert shlex.join(["--config", host.config]) in done.err


def test_the_way_out_with_a_reason_like_an_option(host, twice):
    done = host.run("set", A, "--reason=-x")
    done = host.run(*runnable(done))
    assert done.code == 0, done.err
    assert host.values(A)["BACKUP_REASON"] == "-x"


def test_reseal_by_the_way_out(host, twice):
    right = host.bytes(A)
    filedomain.put_bytes(host.mount, A, right[: right.rindex(b"_SHA")])
    done = host.run("reseal", A, *WHY)
    assert "error 957: " in done.err
    done = host.run(*runnable(done))
    assert done.code == 0, done.err
    assert host.bytes(A) == right


def test_restore_of_a_file_by_the_way_out(host, twice, tmp_path):
    prepare(host, ["restore"])
    path = tmp_path / "a copy"
    path.write_text(host.run("history", A, "--export", "1").out)
    done = host.run("restore", A, "--file", str(path))
    assert "error 957: " in done.err
    done = host.run(*runnable(done))
    assert done.code == 0, done.err
    assert "BACKUP" not in host.values(A)


@pytest.mark.parametrize(
    "pool, code",
    [
        (B, 1),
        (domain.NO_POOL, 0),
        ("", 0),
    ],
    ids=["attached", "detached by older VDSM", "detached"],
)
def test_path_where_only_the_lease_tells(host, twice, monkeypatch, pool, code):
    """VDSM is asked for a domain that is attached, and no lease is taken."""
    monkeypatch.setattr(FileStorage, "is_same", lambda self, other: None)
    lines = md_lines.flush(filedomain.metadata(A, POOL_UUID=pool))
    filedomain.put(host.mount, A, lines)
    done = host.run("set", A, *WHY, "--path", twice)
    assert done.code == code, done.err
    assert ("BACKUP" in host.values(A)) == (code == 0)
    if code:
        assert "hint: VDSM has to change it" in done.err
        # It was given.
        assert "--path" not in done.err


# verify


def hints(host):
    found = host.json("verify").json["domains"]
    return {h for d in found for p in d["problems"] for h in p["hints"]}


def test_verify_tells_of_one_storage(host, twice):
    (hint,) = hints(host)
    assert hint.startswith("they are one storage, name one of them: ")
    words = shlex.split(hint[hint.index(parser.PROGRAM) :])
    assert host.run(*words[1:]).code == 0


def test_verify_tells_of_a_copy(host, copy):
    (hint,) = hints(host)
    assert hint.startswith("they are copies, ")


def test_mount_of_two_domains(host):
    host.domain(sd_id=A)
    host.domain(sd_id=B)
    done = host.run("show", "--path", host.mount)
    assert done.code == 1
    command, shown = next_command(host, done)
    assert command == [
        "show",
        A,
        "--config",
        host.config,
        "--path",
        host.mount,
    ]
    assert shown.code == 0


def next_command(host, done):
    """The arguments that the hint names, and what they give."""
    (hint,) = [x for x in done.err.splitlines() if x.startswith("hint: name")]
    program, *args = shlex.split(hint.rpartition(": ")[2])
    assert program == "vdsm-backup-domain"
    return args, host.run(*args)


@pytest.mark.parametrize("below", ["", A, A + "/"])
@pytest.mark.parametrize("place", ["first", "second", "elsewhere"])
@pytest.mark.parametrize("change", CHANGES, ids=ids)
def test_path(host, twice, tmp_path, change, place, below):
    prepare(host, change)
    # VDSM has not mounted this one.
    os.symlink(host.mount, tmp_path / "mnt")
    path = {
        "first": host.mount,
        "second": twice,
        "elsewhere": str(tmp_path / "mnt"),
    }[place]
    before = host.bytes(A)
    where = ["--path", os.path.join(path, below)]
    done = host.run(change[0], A, *change[1:], *where, "--dry-run")
    assert done.code == 0, done.err
    assert host.bytes(A) == before
    done = host.run(change[0], A, *change[1:], *where)
    assert done.code == 0, done.err
    assert host.bytes(A) != before
    assert (host.values(A).get("BACKUP") == "True") == (change[0] == "set")


def test_path_by_name(host, twice):
    done = host.json("set", "data1", *WHY, "--path", twice)
    assert done.json["domain"]["place"] == os.path.join(twice, A)
    assert host.values(A)["BACKUP"] == "True"


def test_path_of_a_domain_that_vdsm_has_not_mounted(host, tmp_path):
    filedomain.make(str(tmp_path), sd_id=B)
    assert host.run("set", B, *WHY).code == 1
    assert host.run("set", B, *WHY, "--path", str(tmp_path)).code == 0
    data = filedomain.get_bytes(str(tmp_path), B)
    assert b"BACKUP=True\n" in data


@pytest.mark.parametrize("change", CHANGES, ids=ids)
@pytest.mark.parametrize("sd, code", [(B, 956), ("data2", 956)])
def test_another_domain_is_at_the_path(host, twice, change, sd, code):
    before = host.bytes(A)
    done = host.json(change[0], sd, *change[1:], "--path", twice)
    assert done.error == code
    assert host.bytes(A) == before


def test_path_of_nothing(host, tmp_path):
    host.domain(sd_id=A)
    for path in (str(tmp_path / "nosuch"), str(tmp_path)):
        done = host.json("set", A, *WHY, "--path", path)
        assert done.error in (956, 961)


# A copy


def state(host, copy):
    return host.bytes(A), filedomain.get_bytes(copy, A)


@pytest.mark.parametrize("place", ["none", "origin", "copy"])
@pytest.mark.parametrize("change", CHANGES, ids=ids)
def test_copy_beside_its_origin(host, copy, change, place):
    """Neither is changed: they have one lockspace."""
    before = state(host, copy)
    path = {"none": [], "origin": ["--path", host.mount]}
    where = path.get(place, ["--path", os.path.join(copy, A)])
    done = host.run(change[0], A, *change[1:], *where)
    assert done.code == 1
    assert "error 957: " in done.err
    for mount in (host.mount, copy):
        assert os.path.join(mount, A) in done.err
    assert "disconnect the one you do not mean" in done.err
    assert state(host, copy) == before
    assert host.kept() == []


def test_copy_that_is_disconnected(host, copy, tmp_path):
    os.rename(copy, tmp_path / "away")
    assert host.run("set", A, *WHY, "--path", host.mount).code == 0


def test_three_places_of_which_one_is_a_copy(host, copy):
    host.add_mount("third:_data", target=host.mount)
    for where in ([], ["--path", host.mount]):
        done = host.run("set", A, *WHY, *where)
        assert "error 957: " in done.err
        assert "disconnect the one you do not mean" in done.err


def test_copies_can_be_looked_at(host, copy):
    done = host.run("set", A, *WHY)
    assert "they are copies" in done.err
    _, _, commands = done.err.partition("look at each: ")
    commands = commands.splitlines()[0].split("; ")
    assert len(commands) == 2
    for command in commands:
        shown = host.run(*shlex.split(command)[1:])
        assert (shown.code, A in shown.out) == (0, True)


def test_place_that_cannot_be_compared(host, copy):
    os.remove(os.path.join(copy, A, "dom_md", "ids"))
    done = host.run("set", A, *WHY)
    assert "error 957: " in done.err
    assert "not known" in done.err
    done = host.run("set", A, *WHY, "--path", host.mount)
    assert done.code == 1
    assert "BACKUP" not in host.values(A)


def test_two_names_of_two_domains(host):
    host.domain(sd_id=A, name="data1")
    host.domain(sd_id=B, name="data1")
    done = host.run("set", "data1", *WHY)
    assert (
        "hint: look at each, then use the UUID of the one that you mean:"
        f" vdsm-backup-domain show {A} {B}\n"
    ) in done.err
    shown = host.run(*runnable(done))
    assert shown.code == 0
    assert [x for x in shown.out.splitlines() if x.startswith("UUID")] == [
        f"UUID              {A}",
        f"UUID              {B}",
    ]

# SPDX-License-Identifier: GPL-2.0-or-later
import os
import shutil

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from vdsm_backup.change import history
from vdsm_backup.cli import layout
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import discovery

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
EVIL = "a\x1b[2Jb\u202ec"


@pytest.fixture
def changed(host):
    """A domain that was set and cleared."""
    host.domain(sd_id=A, name="data1")
    host.run("set", A, "--reason", "one")
    host.run("clear", A, "--reason", "two")
    return host


def test_copies(changed):
    done = changed.run("history", A)
    title, *rows = [line.split() for line in done.out.splitlines()]
    assert title == "N TIME BEFORE RESULT BACKUP CHECKSUM BY".split()
    assert [(row[0], *row[2:6]) for row in rows] == [
        ("1", "set", "done", "no", "valid"),
        ("2", "clear", "done", "yes", "valid"),
    ]
    assert (done.code, done.err) == (0, "")


def test_json(changed):
    done = changed.json("history", A)
    assert set(done.json) == {"schema", "domain", "copies", "notes"}
    assert done.json["domain"] == A
    first, second = done.json["copies"]
    assert set(first) == set(second) == commandline.COPY
    assert first["place"] == os.path.join(changed.mount, A)
    found = [(c["number"], c["action"], c["flag"]) for c in (first, second)]
    assert found == [(1, "set", False), (2, "clear", True)]
    ended = [(c["result"], c["after"], c["via"]) for c in (first, second)]
    assert ended == [("done", True, "command"), ("done", False, "command")]
    assert (first["code"], bool(first["reason"])) == (None, True)


def test_show(changed):
    lines = md_lines.flush(filedomain.metadata(A))
    done = changed.run("history", A, "--show", "1")
    assert done.out.splitlines() == lines
    done = changed.json("history", A, "--show", "1")
    assert set(done.json) == {"schema", "domain", "copy", "notes"}
    assert done.json["notes"] == []
    assert set(done.json["copy"]) == commandline.COPY | {"lines"}
    assert done.json["copy"]["lines"] == lines


def test_by_name(changed):
    assert changed.json("history", "data1").json["domain"] == A


@pytest.mark.parametrize(
    "sd, other",
    [
        ("data1", "another one may have the name now"),
        (A[:8], "the UUID of another one may begin so, too"),
        (A[:9].upper(), "the UUID of another one may begin so, too"),
    ],
)
def test_what_the_copies_know_needs_no_storage(
    changed, monkeypatch, sd, other
):
    """
    The mount of the domain may hang, and the domain may be gone. That is said
    each time: who takes what is shown for another domain restores a wrong one.
    """

    def hangs(*args, **options):
        raise AssertionError("storage is read")

    monkeypatch.setattr(discovery.Discovery, "_scan", hangs)
    note = f"by the records of this host {sd} is storage domain {A}; {other}"
    for args in (["history", sd], ["history", sd, "--show", "1"]):
        done = changed.json(*args)
        assert (done.code, done.json["domain"]) == (0, A)
        assert done.json["notes"] == [note]
        done = changed.run(*args)
        assert (done.code, done.err) == (0, f"note: {note}\n")
    done = changed.run("history", sd, "--export", "1")
    assert done.err == f"note: {note}\n"
    assert changed.json("history", A, sd).json["notes"] == [note]
    assert changed.run("history", A, sd).err == f"note: {note}\n"


def test_a_uuid_is_certain(changed):
    for sd in (A, A.upper()):
        assert changed.json("history", sd).json["notes"] == []
        assert changed.run("history", sd).err == ""


def test_damaged_copies_know_the_uuid(changed):
    for name in os.listdir(os.path.join(changed.history, A)):
        with open(os.path.join(changed.history, A, name), "w") as f:
            f.write("{")
    shutil.rmtree(os.path.join(changed.repo, "mnt"))
    assert changed.json("history", A[:8]).json["domain"] == A


def test_a_name_that_two_domains_had(host):
    """
    One was renamed, and the other one has got its name. Or a third one has
    it, which this host has never changed.
    """
    for sd_id, name, time in (
        (B, "data1", "2026-11-01T00:00:00Z"),
        (B, "data1", "2026-11-02T00:00:00Z"),
        (B, A[:8], "2026-11-03T00:00:00Z"),
        (A, "data1", "2026-11-04T00:00:00Z"),
    ):
        values = filedomain.metadata(sd_id, name=name)
        keep(host, values, sd_id=sd_id, time=time)
    done = host.run("history", "data1")
    assert (done.code, done.out) == (1, "")
    commands = [f"vdsm-backup-domain history {x}" for x in (A, B)]
    assert done.err.splitlines()[1] == (
        f"hint: by the records of this host {A} had this name last at"
        f" 2026-11-04T00:00:00Z, {B} had this name last at"
        " 2026-11-02T00:00:00Z; see which one it is now: vdsm-backup-domain"
        f" show data1; look at each: {'; '.join(commands)}"
    )
    assert host.json("history", "data1").error == 957


@pytest.mark.parametrize("sd", [A[:8], A[:8].upper()])
@pytest.mark.parametrize("name", [A[:8], A[:8].upper()])
def test_a_name_with_which_the_uuid_of_another_one_begins(host, sd, name):
    keep(host, filedomain.metadata(A))
    time = "2026-11-03T00:00:00Z"
    keep(host, filedomain.metadata(B, name=name), sd_id=B, time=time)
    hint = host.run("history", sd).err.splitlines()[1]
    assert (
        f" {A} begins so, {B} had this name last at {time}; see which one it"
        f" is now: vdsm-backup-domain show {sd};"
    ) in hint


def test_a_name_that_a_domain_had(changed):
    keep(changed, filedomain.metadata(A, name="renamed"))
    for sd, how in (("data1", "was the name of"), ("renamed", "is")):
        done = changed.run("history", sd)
        assert done.code == 0
        assert f" this host {sd} {how} storage domain {A}; " in done.err


def test_a_name_that_only_storage_knows(changed):
    changed.domain(sd_id=B, name="data2")
    assert changed.json("history", "data2").json["domain"] == B


def test_of_a_domain_that_is_gone(changed):
    shutil.rmtree(os.path.join(changed.repo, "mnt"))
    done = changed.json("history", A.upper())
    assert len(done.json["copies"]) == 2
    assert changed.run("history", A, "--show", "2").code == 0


def test_none(host):
    done = host.run("history", A)
    assert done.out == f"This host keeps no copies of storage domain {A}.\n"
    assert done.code == 0
    assert host.json("history", A).json["copies"] == []


@pytest.mark.parametrize("damaged", [True, False])
def test_copies_that_are_lost_where_they_were_kept(changed, damaged):
    """Nobody is sent to another host, or back here, for them."""
    directory = os.path.join(changed.history, A)
    if damaged:
        for name in os.listdir(directory):
            with open(os.path.join(directory, name), "w") as f:
                f.write("{")
    else:
        shutil.rmtree(directory)
    done = changed.run("history", A)
    none = {True: "no copy", False: "no copies"}[damaged]
    assert done.out.startswith(f"This host keeps {none} of storage domain {A}")
    first, second, *_ = done.err.splitlines()
    host = os.uname().nodename
    assert first.startswith("note: it was changed last on this host, by ")
    assert f"@{host}, at 20" in first
    assert "the copy of that is gone or damaged" in first
    assert "that host keeps copies" not in done.err
    path = "/usr/share/doc/vdsm-backup-domain/docs/damaged.md"
    assert second == f"note: without a copy: {path}, Without a copy"
    assert done.code == (3 if damaged else 0)


def test_copies_that_another_host_keeps(host):
    values = {"BACKUP_BY": "eve@host2", "BACKUP_SINCE": "2026-11-22T11:40:00Z"}
    host.domain(sd_id=A, BACKUP="True", **values)
    host.domain(sd_id=B)
    where = (
        "it was changed last by eve@host2, at 2026-11-22T11:40:00Z: that host"
        " keeps copies"
    )
    done = host.run("history", A)
    assert (done.code, done.err) == (0, f"note: {where}\n")
    assert host.json("history", A).json["notes"] == [where]
    each = [f"{A}: {where}", f"{B}: nobody has changed its flag yet"]
    done = host.run("history", A, B)
    assert (done.code, done.err) == (0, "".join(f"note: {x}\n" for x in each))
    assert host.json("history", A, B).json["notes"] == each


def test_all_of_which_one_is_kept_elsewhere(host):
    """Of that one this host has a damaged copy."""
    host.domain(sd_id=A, BACKUP="True", BACKUP_BY="eve@host2")
    keep(host, filedomain.metadata(A))
    keep(host, filedomain.metadata(B), sd_id=B)
    with open(os.path.join(host.history, A, "000001.json"), "w") as f:
        f.write("{")
    done = host.run("history", "--all")
    assert done.code == 3
    none = f"This host keeps no copy of storage domain {A} that can be read.\n"
    assert done.out.startswith(f"{none}Storage domain {B}:\n")
    where = f"{A}: it was changed last by eve@host2, at an unknown time: that"
    assert f"note: {where} host keeps copies\n" in done.err
    assert B not in done.err


def test_no_such_copy(changed):
    done = changed.json("history", A, "--show", "3")
    assert (done.error, done.code) == (985, 1)


def test_damaged_copy(changed):
    path = os.path.join(changed.history, A, "000001.json")
    with open(path, "w") as f:
        f.write("{")
    done = changed.run("history", A)
    assert done.code == 3
    assert len(done.out.splitlines()) == 2
    assert done.err.startswith("note: error 984: ")
    assert "000001.json" in done.err
    (note,) = changed.json("history", A).json["notes"]
    assert "000001.json" in note
    assert changed.json("history", A, "--show", "1").error == 984
    again = f"vdsm-backup-domain restore {A}"
    for args in (
        ["history", A, "--show", "1"],
        ["history", A, "--export", "1"],
        ["restore", A, "--from", "1"],
    ):
        done = changed.run(*args)
        assert f"put another one back: {again} --from N\n" in done.err
        assert f"here: {again} --file copy.json\n" in done.err
        assert "writable" not in done.err


def test_invalid_flag_is_unknown(host):
    keep(host, filedomain.metadata(A, BACKUP="maybe"))
    (copy,) = host.json("history", A).json["copies"]
    assert copy["flag"] is None
    assert "  unknown  " in host.run("history", A).out


def test_harmless(host):
    keep(host, filedomain.metadata(A, name=EVIL), by=EVIL)
    for args in (["history", A], ["history", A, "--show", "1"]):
        done = host.run(*args)
        assert commandline.hidden(done.out) == []
        assert r"a\x1b[2Jb\u202ec" in done.out
    (copy,) = host.json("history", A).json["copies"]
    assert copy["by"] == EVIL


def test_80_columns_on_a_terminal(host):
    keep(host, filedomain.metadata(A), by="somebody" * 10 + "@host")
    lines = host.run("history", A, terminal=True).out.splitlines()
    assert max(map(layout.columns, lines[:2])) < 80
    assert lines[2] == "    " + "somebody" * 10 + "@host"


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_narrow_terminals(changed, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    by = changed.json("history", A).json["copies"][0]["by"]
    assert changed.run("history", A).out.count(f" {by}\n") == 2


def keep(host, values, by="admin@host1", sd_id=A, time=None):
    """time: of the record; None: now."""
    storage = MemoryStorage(sd_id, [])
    kept = history.History(host.history)
    copy = kept.keep(storage, md_lines.flush(values), by, "set")
    if time:
        copy = copy._replace(time=time)
        kept.conclude(copy, "done", True, None)

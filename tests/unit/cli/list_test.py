# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from vdsm_backup.cli import domain_table, layout
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
FLAG = {
    "BACKUP": "True",
    "BACKUP_BY": "admin@host1",
    "BACKUP_REASON": "nightly copies of site A",
    "BACKUP_SINCE": "2026-11-22T11:40:00Z",
}
EVIL = "a\x1b[2Jb\u202ec"


def test_rows(host):
    host.domain(sd_id=A, name="data1", POOL_UUID=POOL)
    host.domain(4, sd_id=B, name="backup1", **FLAG)
    done = host.run("list")
    assert done.out.splitlines() == [
        f"{'UUID':36}  KIND  VER  ATTACHED  BACKUP  NAME",
        f"{A}  file  5    11111111  no      data1",
        f"{B}  file  4    no        yes     backup1",
        "    since 2026-11-22T11:40:00Z by admin@host1",
        "    reason: nightly copies of site A",
    ]
    assert (done.code, done.err) == (0, "")


def test_json(host):
    host.domain(4, sd_id=B, name="backup1", POOL_UUID=POOL, **FLAG)
    done = host.json("list")
    assert done.code == 0
    assert done.json == {
        "schema": 1,
        "domains": [
            {
                "id": B,
                "name": "backup1",
                "kind": "file",
                "type": "NFS",
                "version": 4,
                "class": "Data",
                "pool": POOL,
                "flag": True,
                "reason": "nightly copies of site A",
                "by": "admin@host1",
                "since": "2026-11-22T11:40:00Z",
                "origin": None,
                "origin_match": None,
                "seal": "valid",
                "error": None,
                "place": os.path.join(host.mount, B),
                "notes": [],
            }
        ],
        "notes": [],
    }


def test_gluster_mounts_too(host):
    mount = host.add_mount("glusterSD/server:_volume")
    sd_id = host.domain(mount=mount)
    assert ids(host.json("list")) == [sd_id]


def test_nothing_found(host):
    done = host.run("list")
    assert (done.code, done.out) == (0, "")
    assert done.err == (
        f"note: no storage domain was found; searched: {host.mount}; no block"
        " device: this host has no multipath device, and [lvm] devices names"
        " none\n"
    )
    assert host.json("list").json["domains"] == []


def test_flagged_and_what_may_be_flagged(host):
    host.domain(name="plain")
    flagged = host.domain(name="flagged", BACKUP="True")
    unknown = host.domain(name="unknown", BACKUP="maybe")
    done = host.json("list", "--flagged")
    assert ids(done) == sorted([flagged, unknown])
    assert done.code == 3


def test_domain_that_cannot_be_read_is_a_row_with_its_error(host):
    good = host.domain(sd_id=A, name="good")
    host.domain(sd_id=B, name="bad")
    filedomain.put_bytes(host.mount, B, b"")
    done = host.run("list")
    assert done.code == 3
    assert done.out.splitlines()[1:] == [
        f"{good}  file  5    no        no       good",
        f"{B}  file  -    -         unknown  -",
        f"    error 963: Storage domain {B} has no valid metadata: it is"
        " empty",
    ]
    rows = {row["id"]: row for row in host.json("list").json["domains"]}
    assert rows[good]["error"] is None
    assert rows[B]["flag"] is None
    assert set(rows[B]) == commandline.DOMAIN
    assert set(rows[B]["error"]) == commandline.ERROR
    assert rows[B]["error"]["code"] == 963


def test_place_that_fails_is_a_row(host):
    good = host.domain()
    path = os.path.join(host.repo, "mnt", "broken")
    os.symlink("x" * 300, path)
    done = host.json("list")
    assert done.code == 3
    row = done.json["domains"][1]
    assert set(row) == commandline.DOMAIN
    assert (row["id"], row["place"], row["kind"]) == (None, path, "file")
    assert row["error"]["code"] == 961
    assert ids(done) == [good, None]
    assert f"    {path}\n    error 961: " in host.run("list").out


def test_replica_beside_its_origin(host):
    """Never one picked: both are there, each naming the other."""
    other = host.add_mount("replica:_data")
    host.domain(sd_id=A, name="data1")
    host.domain(sd_id=A, name="data1", mount=other)
    done = host.json("list")
    first, second = done.json["domains"]
    assert first["notes"] == [f"not unique, also found: {second['place']}"]
    assert second["notes"] == [f"not unique, also found: {first['place']}"]
    assert {first["id"], second["id"]} == {A}
    rows = host.run("list").out.split(f"{A}  file")[1:]
    for row, domain in zip(rows, (first, second)):
        assert row.splitlines()[1] == f"    {domain['place']}"
        assert row.count("note: not unique") == 1


def test_no_seal_is_a_warning(host):
    host.domain(sd_id=A)
    lines = md_lines.flush(filedomain.metadata(A))
    filedomain.put(host.mount, A, lines[:-1])
    done = host.run("list")
    assert done.code == 0
    assert "    note: the metadata has no checksum (_SHA_CKSUM)\n" in done.out


def test_texts_from_storage_are_harmless_and_whole_in_json(host):
    texts = {
        "BACKUP": "True",
        "BACKUP_BY": EVIL,
        "BACKUP_REASON": f"r{EVIL}",
        "BACKUP_SINCE": EVIL,
        "BACKUP_ORIGIN": EVIL,
    }
    host.domain(sd_id=A, name=EVIL, **texts)
    done = host.run("list")
    assert commandline.hidden(done.out) == []
    assert done.out.count(r"a\x1b[2Jb\u202ec") == 4
    out = host.json("list")
    assert commandline.hidden(out.out) == []
    row = out.json["domains"][0]
    assert (row["name"], row["reason"]) == (EVIL, f"r{EVIL}")


def test_version_that_is_a_very_long_number(host):
    host.domain(sd_id=A, VERSION="9" * 5000)
    assert host.json("list").json["domains"][0]["version"] is None


def rows(done):
    """The table alone: a text under a row is one line, however long."""
    return [x for x in done.out.splitlines() if not x.startswith(" ")]


@pytest.mark.parametrize(
    "columns, titles, first",
    [
        (
            120,
            "UUID                                  KIND  VER  ATTACHED  BACKUP"
            "   NAME",
            f"{A}  file  5    11111111  yes      nightly-copies",
        ),
        (
            80,
            "UUID                                  KIND  ATTACHED  BACKUP"
            "   NAME",
            f"{A}  file  11111111  yes      nightly-copies",
        ),
        (
            72,
            "UUID                                  ATTACHED  BACKUP   NAME",
            f"{A}  11111111  yes      nightly-copies",
        ),
        (
            62,
            "UUID                                  BACKUP   NAME",
            f"{A}  yes      nightly-copies",
        ),
        (
            60,
            "UUID      KIND  VER  ATTACHED  BACKUP   NAME",
            f"{A[:8]}  file  5    11111111  yes      nightly-copies",
        ),
        (
            40,
            "UUID      BACKUP   NAME",
            f"{A[:8]}  yes      nightly-copies",
        ),
    ],
)
def test_narrow_terminals(host, monkeypatch, columns, titles, first):
    """One domain cannot be read. Columns are given up, and no name is."""
    monkeypatch.setenv("COLUMNS", str(columns))
    host.domain(sd_id=A, name="nightly-copies", POOL_UUID=POOL, **FLAG)
    host.domain(sd_id=B, name="data1")
    filedomain.put_bytes(host.mount, B, b"")
    found = rows(host.run("list"))
    assert found[:2] == [titles, first]
    assert found[2].startswith(B[:8]) and found[2].endswith("  unknown  -")
    assert max(map(len, found)) <= columns
    # The other one could have the name that a short UUID is: `show` says so.
    done = host.run("show", found[1].split()[0])
    assert f"show {A}\n" in done.err or A in done.out


@pytest.mark.parametrize(
    "columns, cut",
    [
        (120, f"{A}  file  5    11111111  yes      {'n' * 49}z"),
        (80, f"{A}  yes      {'n' * 30}..."),
        (60, f"{A[:8]}  yes      {'n' * 38}..."),
        (40, f"{A[:8]}  yes      {'n' * 18}..."),
        (10, f"{A[:8]}  yes      n..."),
    ],
)
def test_name_that_is_cut_is_below_the_row(host, monkeypatch, columns, cut):
    monkeypatch.setenv("COLUMNS", str(columns))
    name = "n" * 49 + "z"
    host.domain(sd_id=A, name=name, POOL_UUID=POOL, **FLAG)
    host.domain(sd_id=B)
    filedomain.put_bytes(host.mount, B, b"")
    lines = host.run("list").out.splitlines()
    assert lines[1] == cut
    assert (lines[2] == f"    name: {name}") == (columns < 120)


def test_80_columns_on_a_terminal(host):
    long = {**FLAG, "BACKUP_REASON": "copies of it " * 17 + "x" * 100}
    host.domain(sd_id=A, name="n" * 50, POOL_UUID=POOL, **long)
    host.domain(sd_id=B, name="\u4e2d\u6587" * 20)
    done = host.run("list", terminal=True)
    lines, found = done.out.splitlines(), rows(done)
    assert max(map(layout.columns, found)) == 80
    assert f"    reason: {long['BACKUP_REASON'][:200]}" in lines[4]
    assert found[1] == f"{A}  yes     {'n' * 31}..."
    # A character may take two columns.
    name = "\u4e2d\u6587" * 7 + "\u4e2d..."
    assert found[2] == f"{B}  no      {name}"
    assert lines[-1] == "    name: " + "\u4e2d\u6587" * 20


def test_no_terminal_cuts_nothing(host):
    reason = "copies of it " * 10 + "the end"
    name = "n" * 50
    host.domain(sd_id=A, name=name, **{**FLAG, "BACKUP_REASON": reason})
    out = host.run("list").out
    assert name in out
    assert f"    reason: {reason}\n" in out


@pytest.mark.parametrize(
    "width, cells",
    [
        # More may come: of their names there is to be room for something.
        (80, (A, "file", "no", "no", "a")),
        (60, (A[:8], "file", "5", "no", "no", "a")),
    ],
)
def test_room_for_what_is_to_come(width, cells):
    row = (A, "file", "5", "no", "no", "a")
    table = domain_table.DomainTable([row], width, True)
    assert table.line(row).split() == list(cells)
    late = (B, "block", "5", POOL[:8], "unknown", "nightly-copies-1")
    assert table.line(late).endswith("nightly-copies-1")
    assert len(table.line(late)) <= width
    assert table.cut(late) == []


def ids(done):
    return [row["id"] for row in done.json["domains"]]


def test_flag_keys_of_these_tests_are_ours():
    assert set(FLAG) < set(flag.KEYS)

# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from vdsm_backup.change import history
from vdsm_backup.metadata import lines as md_lines

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
EVIL = "a\x1b[2Jb\u202ec"


def test_all_is_well(host):
    host.domain(sd_id=A, name="data1")
    host.domain(4, sd_id=B, name="backup1", BACKUP="True")
    done = host.run("verify")
    assert done.code == 0
    assert done.out == f"{A}: ok, data1\n{B}: ok, backup1\n"


LOOKED_AT = [
    "metadata",
    "checksum",
    "flag",
    "what runs left on this host",
    "history of this host",
    "owners and modes",
    "free space",
    "leftovers",
    "ids",
    "leases",
    "xleases",
]


def test_it_says_what_it_looked_at(host):
    host.domain(sd_id=A, name="data1")
    (line,) = host.run("verify").err.splitlines()
    # It is no note: what is looked at differs by the kind of domain only.
    assert line.startswith(f"looked at: {', '.join(LOOKED_AT)}; ")
    assert line.endswith(f"; searched: {host.mount}")
    damage(host, LINES[:-1], there=True)
    assert host.run("verify").err == ""


def test_it_says_where_it_has_found_nothing(host):
    done = host.run("verify")
    assert (done.code, done.out) == (0, "")
    assert done.err == f"note: no domain was found; searched: {host.mount}\n"
    done = host.json("verify")
    assert done.json["searched"] == [host.mount]


def test_not_all_of_many_places_are_named(host):
    mounts = [host.add_mount(f"server:_{n:02}") for n in range(11)]
    err = host.run("verify").err
    assert err.endswith(f"{mounts[9]} and 2 more\n")
    searched = host.json("verify").json["searched"]
    assert searched == sorted([*mounts, host.mount])


def test_json(host):
    host.domain(sd_id=A, name="data1")
    done = host.json("verify")
    assert done.code == 0
    assert done.json["domains"] == [
        {
            "id": A,
            "ok": True,
            "problems": [],
            "name": "data1",
            "place": os.path.join(host.mount, A),
            "notes": [],
            "looked_at": LOOKED_AT,
        }
    ]
    assert done.json["searched"] == [host.mount]


def damage(host, lines, there=False):
    if not there:
        host.domain(sd_id=A)
    filedomain.put(host.mount, A, lines)


LINES = md_lines.flush(filedomain.metadata(A))


@pytest.mark.parametrize(
    "lines, codes",
    [
        ([*LINES[:-1], f"{md_lines.SEAL}=0"], [964]),
        (LINES[:-1], [965]),
        (md_lines.flush(filedomain.metadata(A, BACKUP="maybe")), [966]),
        (["DESCRIPTION=x", *LINES], [967]),
        (["what is this", *LINES], [967]),
        (md_lines.flush(filedomain.metadata(A, 3, BACKUP="True")), [958]),
        (
            md_lines.flush(filedomain.metadata(A, CLASS="Iso", BACKUP="True")),
            [959],
        ),
        # Each of several problems is told.
        (
            ["x", *LINES[:-1], f"{md_lines.SEAL}=0", "BACKUP=no"],
            [964, 967, 966],
        ),
    ],
)
def test_problems(host, lines, codes):
    damage(host, lines)
    done = host.json("verify")
    (row,) = done.json["domains"]
    assert [problem["code"] for problem in row["problems"]] == codes
    assert all(set(p) == commandline.ERROR for p in row["problems"])
    assert set(row) == commandline.VERIFIED
    assert (row["ok"], done.code) == (False, 1)
    text = host.run("verify")
    assert text.out.startswith(f"{A}: wrong, data1\n")
    assert text.code == 1
    for code in codes:
        assert f"\n    error {code}: " in text.out


def test_hints(host):
    damage(host, [*LINES[:-1], f"{md_lines.SEAL}=0"])
    lines = host.run("verify").out.splitlines()
    first = f"who has made the last one: vdsm-backup-domain history {A}"
    (at,) = [i for i, line in enumerate(lines) if line.endswith(first)]
    assert lines[at].startswith("    hint: this host keeps no copy")
    assert lines[at + 1].startswith(
        f"    hint: there: vdsm-backup-domain history {A} --export N"
    )


def test_origin_is_a_note(host):
    host.domain(sd_id=A, BACKUP="True", BACKUP_ORIGIN="file:nfs,ino:1,at:x")
    done = host.json("verify")
    (row,) = done.json["domains"]
    assert row["ok"] is True
    assert row["notes"] == [
        "its files were copied since it was flagged; if it is the domain from"
        " now on, and what it comes from is gone or disconnected:"
        f" vdsm-backup-domain set {A} --accept-origin --reason TEXT"
    ]
    assert "    note: its files were copied" in host.run("verify").out


def test_origin_of_a_flag_that_was_cleared_is_no_note(host):
    """What the note says to type would make it a backup domain again."""
    host.domain(sd_id=A, BACKUP="False", BACKUP_ORIGIN="file:nfs,ino:1,at:x")
    commands = [["list"], ["show", A], ["verify"], ["verify", A]]
    for command in commands:
        text = host.run(*command)
        assert text.code == 0
        assert "vdsm-backup-domain set" not in text.out + text.err
    shown = host.json("show", A).json["domain"]
    assert (shown["origin_match"], shown["notes"]) == ("copied", [])


def test_each_of_two_places_says_which_it_is(host):
    """And what a change could mend can be mended in one place only."""
    other = host.add_mount("replica:_data")
    kept = history.History(host.history)
    lines = md_lines.flush(filedomain.metadata(A))
    kept.keep(MemoryStorage(A, []), lines, "admin@host1", "set")
    for mount in (host.mount, other):
        host.domain(sd_id=A, name="data1", mount=mount)
    places = [os.path.join(mount, A) for mount in (host.mount, other)]
    out = host.run("verify").out
    found = {line for line in out.splitlines() if line.startswith(A)}
    assert found == {f"{A}: wrong, data1, in {place}" for place in places}
    assert "hint: set it again" not in out
    assert out.count("hint: when it is in one place only, set it again") == 2
    for row in host.json("verify").json["domains"]:
        assert [p["code"] for p in row["problems"]] == [957, 9623]
    doctor = host.json("doctor").json["checks"]
    names = {check["name"] for check in doctor}
    assert {f"domain {A} in {place}" for place in places} <= names


def test_replica_beside_its_origin(host):
    other = host.add_mount("replica:_data")
    host.domain(sd_id=A)
    host.domain(sd_id=A, mount=other)
    done = host.json("verify")
    assert done.code == 1
    rows = done.json["domains"]
    assert [row["id"] for row in rows] == [A, A]
    for row in rows:
        (problem,) = row["problems"]
        assert problem["code"] == 957
        for mount in (host.mount, other):
            assert os.path.join(mount, A) in problem["message"]


def test_unreadable_is_neither_well_nor_wrong(host):
    host.domain(sd_id=A)
    os.unlink(filedomain.path(host.mount, A))
    done = host.run("verify")
    assert done.out.startswith(f"{A}: unreadable\n    error 992: ")
    assert done.code == 3


def test_place_that_fails(host):
    host.domain(sd_id=A)
    path = os.path.join(host.repo, "mnt", "broken")
    os.symlink("x" * 300, path)
    done = host.json("verify")
    assert done.code == 3
    first, second = done.json["domains"]
    assert first["ok"] is True
    assert (second["id"], second["ok"], second["place"]) == (None, False, path)
    assert f"{path}: unreadable\n" in host.run("verify").out


def test_wrong_counts_more_than_unreadable(host):
    damage(host, [])
    os.symlink("x" * 300, os.path.join(host.repo, "mnt", "broken"))
    assert host.run("verify").code == 1


def test_only_those_asked_for(host):
    host.domain(sd_id=A, name="data1")
    host.domain(sd_id=B, name="data2")
    filedomain.put(host.mount, B, [])
    done = host.json("verify", A.upper())
    assert [row["id"] for row in done.json["domains"]] == [A]
    assert done.code == 0
    done = host.json("verify", B, A)
    assert [row["id"] for row in done.json["domains"]] == [B, A]
    assert done.code == 1


def test_one_that_is_not_there(host):
    host.domain(sd_id=A, name="data1")
    done = host.json("verify", "data1", "nobody", B)
    assert done.code == 1
    ids = [row["id"] for row in done.json["domains"]]
    assert ids == [A, None, B]
    names = [row["name"] for row in done.json["domains"]]
    assert names == ["data1", "nobody", B]
    codes = [[p["code"] for p in r["problems"]] for r in done.json["domains"]]
    assert codes == [[], [956], [956]]
    assert (
        "nobody: not found\n    error 956" in host.run("verify", "nobody").out
    )


def test_path(host, tmp_path):
    mount = str(tmp_path / "elsewhere")
    host.domain(sd_id=A, name="data1", mount=mount)
    host.domain(sd_id=B, name="data2", mount=mount)
    assert host.run("verify").out == ""
    done = host.run("verify", "--path", mount)
    assert done.out == f"{A}: ok, data1\n{B}: ok, data2\n"
    done = host.run("verify", "--path", os.path.join(mount, B))
    assert done.out == f"{B}: ok, data2\n"
    done = host.run("verify", "--path", mount, "data2", A)
    assert done.out == f"{A}: ok, data1\n{B}: ok, data2\n"
    assert host.json("verify", "--path", mount, "data3").error == 956


def test_harmless(host):
    damage(
        host,
        [f"{EVIL}", *md_lines.flush({**filedomain.metadata(A, name=EVIL)})],
    )
    for args in (["verify"], ["verify", EVIL], ["verify", A]):
        done = host.run(*args)
        assert commandline.hidden(done.out + done.err) == []
        assert r"a\x1b[2Jb\u202ec" in done.out
    (row,) = host.json("verify").json["domains"]
    assert row["name"] == EVIL


def test_texts_are_not_wrapped_on_a_terminal(host):
    damage(host, ["x" * 100, *LINES[:-1], f"{md_lines.SEAL}=0", "BACKUP=no"])
    done = host.run("verify", terminal=True)
    assert done.out == host.run("verify").out
    assert max(map(len, done.out.splitlines())) > 100

# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from vdsm_backup.change import history
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users import users

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
PLAIN = md_lines.flush(filedomain.metadata(A))
FLAGGED = md_lines.flush(
    filedomain.metadata(A, BACKUP="True", BACKUP_REASON="x")
)


@pytest.fixture
def kept(host):
    """A plain domain; copy 1 is plain too, 2 is flagged, 3 is broken."""
    host.domain(sd_id=A)
    for lines in (PLAIN, FLAGGED, FLAGGED[:-1]):
        keep(host, lines)
    return host


def keep(host, lines):
    storage = MemoryStorage(A, [])
    history.History(host.history).keep(storage, lines, "admin@host1", "set")


def test_metadata_that_is_gone(kept):
    os.unlink(filedomain.path(kept.mount, A))
    copies = kept.kept()
    done = kept.run("restore", A, "--from", "1")
    assert done.out.splitlines()[0] == (
        f"Storage domain data1 ({A}) has the metadata of copy 1 again and is"
        " not a backup domain."
    )
    assert done.code == 0
    assert kept.bytes(A) == encoding.encode_file(PLAIN)
    # There was nothing to keep, so the history has no trace of it.
    assert kept.kept() == copies


def test_newest_whole_copy(kept):
    filedomain.put_bytes(kept.mount, A, b"\xff")
    done = kept.run("restore", A)
    assert done.code == 0
    assert done.out.splitlines()[:3] == [
        f"Storage domain data1 ({A}) has the metadata of copy 2 again and is"
        " a backup domain.",
        "    since an unknown time by somebody unknown",
        "    reason: x",
    ]
    note = "note: copy 3 is not whole: it has no checksum (_SHA_CKSUM)\n"
    assert note in done.err
    assert kept.bytes(A) == encoding.encode_file(FLAGGED)


def test_json(kept):
    done = kept.json("restore", A)
    assert set(done.json) == commandline.RESTORED
    assert set(done.json["copy"]) == commandline.COPY
    assert set(done.json["difference"]) == commandline.DIFFERENCE
    assert done.json["changed"] is True
    assert done.json["domain"]["flag"] is True
    assert set(done.json["domain"]) == commandline.DOMAIN
    again = kept.json("restore", A, "--from", "2")
    assert again.json["changed"] is False


def test_nothing_to_change(kept):
    kept.run("restore", A)
    copies = kept.kept()
    done = kept.run("restore", A, "--from", "2")
    assert done.out.split("\n    ")[0].replace("\n", " ") == (
        f"Nothing to change: storage domain data1 ({A}) has the metadata of"
        " copy 2 and is a backup domain."
    )
    assert done.code == 0
    assert kept.kept() == copies


def test_dry_run(kept):
    before = kept.bytes(A)
    done = kept.run("restore", A, "--dry-run")
    out = done.out.replace("\n", " ")
    assert "would get the metadata of copy 2 and be a backup domain." in out
    assert "  + BACKUP=True\n" in done.out
    assert done.code == 0
    assert kept.bytes(A) == before
    assert kept.run("restore", A).code == 0
    done = kept.run("restore", A, "--dry-run", "--from", "1")
    out = done.out.replace("\n", " ")
    assert "the metadata of copy 1 and not be a backup domain." in out


def test_dry_run_of_metadata_that_is_gone(kept):
    os.unlink(filedomain.path(kept.mount, A))
    done = kept.run("restore", A, "--from", "1", "--dry-run")
    assert [line[4:] for line in done.out.splitlines()[1:]] == PLAIN
    assert not os.path.exists(filedomain.path(kept.mount, A))


def test_copy_that_is_broken(kept):
    done = kept.json("restore", A, "--from", "3")
    assert (done.error, done.code) == (965, 1)


def test_copy_that_would_take_the_flag_away(host):
    host.domain(sd_id=A)
    keep(host, PLAIN)
    filedomain.put(host.mount, A, [*FLAGGED[:-1], "A=1", FLAGGED[-1]])
    before = host.bytes(A)
    done = host.run("restore", A)
    assert (done.code, done.out) == (4, "")
    assert "error 993: Copy 1 would take the backup flag" in done.err
    assert host.bytes(A) == before
    assert host.run("restore", A, "--from", "1").code == 0


def refused(host, *args):
    """restore is, and then the guard still refuses a VM."""
    path = filedomain.path(host.mount, A)
    before = host.bytes(A) if os.path.exists(path) else None
    copies = host.kept()
    done = host.json("restore", A, *args)
    assert (done.error, done.code) == (993, 4)
    assert host.json("restore", A, "--dry-run", *args).error == 993
    assert (host.bytes(A) if os.path.exists(path) else None) == before
    assert host.kept() == copies
    checked = host.json("check", A, "--operation", "run")
    assert (checked.json["allowed"], checked.code) == (False, 4)
    return done.json["error"]


DAMAGED = {
    # By VDSM, which was told a new name while the file was missing.
    "two lines": encoding.encode_file(
        md_lines.flush({"DESCRIPTION": "renamed"})
    ),
    "lines gone": encoding.encode_file(
        [line for line in FLAGGED if not line.startswith("BACKUP")]
    ),
    "not sealed": encoding.encode_file(FLAGGED[:-1]),
    "edited": encoding.encode_file(FLAGGED).replace(b"=True", b"=False"),
    "empty": b"",
    "binary": b"\xff" * 512,
    "nuls": b"\0" * 4096,
    **{
        f"cut at {size}": encoding.encode_file(FLAGGED)[:size]
        for size in range(1, len(encoding.encode_file(FLAGGED)) - 1, 37)
    },
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_does_not_tell_whether_there_was_a_flag(host, name):
    host.domain(sd_id=A)
    keep(host, PLAIN)
    filedomain.put_bytes(host.mount, A, DAMAGED[name])
    error = refused(host)
    assert "Copy 1 would take the backup flag" in error["message"]
    assert host.run("restore", A, "--from", "1").code == 0
    assert host.bytes(A) == encoding.encode_file(PLAIN)


def test_missing_metadata_does_not_tell_whether_there_was_a_flag(host):
    host.domain(sd_id=A)
    keep(host, PLAIN)
    os.unlink(filedomain.path(host.mount, A))
    assert "is not whole (error 992)" in refused(host)["message"]
    assert host.run("restore", A, "--from", "1").code == 0
    assert host.bytes(A) == encoding.encode_file(PLAIN)


@pytest.mark.parametrize(
    "newer",
    [
        FLAGGED[:-1],
        FLAGGED[3:],
        md_lines.flush(filedomain.metadata(A, BACKUP="maybe")),
        md_lines.flush(filedomain.metadata(A, CLASS="Iso")),
        ["torn", *FLAGGED],
    ],
    ids=["no seal", "cut", "invalid", "class", "torn"],
)
def test_newer_copies_that_are_not_whole(host, newer):
    """They had the flag; the one that is whole has not."""
    host.domain(sd_id=A)
    for lines in (FLAGGED, PLAIN, newer):
        keep(host, lines)
    filedomain.put_bytes(host.mount, A, DAMAGED["two lines"])
    assert "Copy 2 would" in refused(host)["message"]
    assert "note: copy 3 is not whole: " in host.run("restore", A).err
    # With a flag it is put back, and JSON tells what was passed over.
    keep(host, FLAGGED)
    keep(host, newer)
    done = host.json("restore", A)
    assert done.json["copy"]["number"] == 4
    assert done.json["notes"][0].startswith("copy 5 is not whole: ")


def test_a_copy_that_is_not_whole_is_never_put_back(kept):
    keep(kept, md_lines.flush(filedomain.metadata(A, BACKUP="maybe")))
    before = kept.bytes(A)
    assert kept.json("restore", A, "--from", "4").error == 966
    assert kept.bytes(A) == before


def test_no_such_copy(kept):
    done = kept.json("restore", A, "--from", "4")
    assert (done.error, done.code) == (985, 1)


def test_no_copy(host):
    host.domain(sd_id=A)
    done = host.json("restore", A)
    assert (done.error, done.code) == (985, 1)
    assert "keeps no copy that is whole" in done.json["error"]["message"]


def test_copy_that_is_of_another_domain(host):
    host.domain(sd_id=A)
    keep(host, md_lines.flush(filedomain.metadata(A, SDUUID="b" + A[1:])))
    assert host.json("restore", A).error == 985


def test_metadata_that_has_changed_since(kept):
    values = filedomain.metadata(A, name="renamed")
    filedomain.put(kept.mount, A, md_lines.flush(values))
    before = kept.bytes(A)
    done = kept.json("restore", A)
    assert (done.error, done.code) == (986, 4)
    assert kept.bytes(A) == before


def test_attached(host):
    host.domain(sd_id=A)
    os.unlink(filedomain.path(host.mount, A))
    keep(host, md_lines.flush(filedomain.metadata(A, POOL_UUID=POOL)))
    assert host.json("restore", A, "--from", "1").error == 972
    done = host.run("restore", A, "--from", "1", "--pool-is-gone")
    assert done.code == 0
    assert "becomes SPM within 300 seconds" in done.err


def test_in_use(kept):
    kept.users = users.Users(images=["image i/v"])
    before = kept.bytes(A)
    done = kept.json("restore", A)
    assert (done.error, done.code) == (975, 4)
    assert kept.bytes(A) == before
    assert kept.run("restore", A, "--despite-open-images").code == 0

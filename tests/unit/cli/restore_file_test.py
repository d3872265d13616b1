# SPDX-License-Identifier: GPL-2.0-or-later
"""restore --file: copies travel between hosts."""

import json
import os

import pytest

from tests.support import commandline, testhost
from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from vdsm_backup.change import history
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
PLAIN = md_lines.flush(filedomain.metadata(A))
FLAGGED = md_lines.flush(
    filedomain.metadata(A, BACKUP="True", BACKUP_REASON="x")
)


@pytest.fixture
def other(tmp_path):
    with testhost.Host(tmp_path / "other") as host:
        yield host


@pytest.fixture
def export(other, tmp_path):
    """The path of an exported copy of these lines."""

    def exported(lines, sd_id=A):
        kept = history.History(other.history)
        storage = MemoryStorage(sd_id, [])
        copy = kept.keep(storage, lines, "admin@host2", "set")
        done = other.run("history", sd_id, "--export", str(copy.number))
        path = tmp_path / f"copy{copy.number}.json"
        path.write_text(done.out)
        return str(path)

    return exported


def test_copy_of_another_host(host, export):
    host.domain(sd_id=A)
    filedomain.put_bytes(host.mount, A, b"\xff")
    path = export(FLAGGED)
    dry = host.json("restore", A, "--file", path, "--dry-run")
    assert (dry.code, dry.json["changed"]) == (0, True)
    assert host.bytes(A) == b"\xff"
    done = host.run("restore", A, "--file", path)
    assert done.out.splitlines()[0] == (
        f"Storage domain data1 ({A}) has the metadata of copy 1 of {path}"
        " again and is a backup domain."
    )
    assert "by admin@host2, before set\n" in done.err
    assert done.code == 0
    assert host.bytes(A) == encoding.encode_file(FLAGGED)
    done = host.json("restore", A, "--file", path)
    assert set(done.json) == commandline.RESTORED
    assert done.json["changed"] is False


def test_a_copy_without_a_flag_was_named(host, export):
    host.domain(sd_id=A)
    filedomain.put(host.mount, A, FLAGGED[:-1])
    assert host.json("restore", A, "--file", export(PLAIN)).code == 0
    assert host.bytes(A) == encoding.encode_file(PLAIN)


def test_the_rules_of_restore_hold(host, export):
    host.domain(sd_id=A, name="renamed")
    done = host.json("restore", A, "--file", export(FLAGGED))
    assert (done.error, done.code) == (986, 4)
    # A copy of metadata that was broken itself.
    filedomain.put_bytes(host.mount, A, b"")
    for lines, code in (
        (PLAIN[:-1], 965),
        ([*PLAIN[:-1], f"{md_lines.SEAL}=0"], 964),
        (["CLASS=Iso", *PLAIN], 967),
    ):
        assert host.json("restore", A, "--file", export(lines)).error == code
    assert host.bytes(A) == b""


@pytest.mark.parametrize("found", [B, None])
def test_copy_of_another_domain(host, export, found):
    host.domain(sd_id=A)
    filedomain.put_bytes(host.mount, A, b"")
    lines = md_lines.flush(filedomain.metadata(A, SDUUID=found))
    done = host.json("restore", A, "--file", export(lines))
    assert (done.error, done.code) == (9603, 1)
    assert "SDUUID" in done.json["error"]["message"]
    assert host.bytes(A) == b""
    # Also where the record says that it is of this one.
    path = export(lines)
    with open(path) as f:
        record = json.load(f)
    with open(path, "w") as f:
        json.dump({**record, "domain": A}, f)
    assert host.json("restore", A, "--file", path).error == 9603


def fifo(path):
    os.unlink(path)
    os.mkfifo(path)


SPOIL = {
    "fifo": fifo,
    "device": lambda path: (os.unlink(path), os.symlink("/dev/zero", path)),
    "huge": lambda path: os.truncate(path, 1 << 40),
    "cut": lambda path: os.truncate(path, 100),
    "open": lambda path: os.chmod(path, 0o666),
    "gone": os.unlink,
}


@pytest.mark.parametrize("name", SPOIL)
def test_file_that_is_no_copy(host, export, name):
    host.domain(sd_id=A)
    filedomain.put_bytes(host.mount, A, b"")
    path = export(FLAGGED)
    SPOIL[name](path)
    done = host.json("restore", A, "--file", path)
    assert (done.error, done.code) == (9603, 1)
    assert path in done.json["error"]["message"]
    assert host.bytes(A) == b""
    assert host.kept() == []


def test_metadata_itself_is_no_copy(host):
    host.domain(sd_id=A)
    path = filedomain.path(host.mount, A)
    assert host.json("restore", A, "--file", path).error == 9603


def test_from_or_file(host, export):
    done = host.json("restore", A, "--from", "1", "--file", export(PLAIN))
    assert (done.error, done.code) == (990, 2)
    assert host.json("restore", A, "--file", "").code == 2

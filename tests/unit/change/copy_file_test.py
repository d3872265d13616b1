# SPDX-License-Identifier: GPL-2.0-or-later
"""A copy in a file that a user brings: it may be anything."""

import json
import os
import threading

import pytest

from tests.support.world import SD, make
from vdsm_backup import errors
from vdsm_backup.change import copy_file
from vdsm_backup.change.copy_record import MAX_RECORD
from vdsm_backup.change.history import History


@pytest.fixture
def history(tmp_path):
    return History(str(tmp_path / "history"))


@pytest.fixture
def record(history):
    copy = history.keep(make(), make().lines, "admin@host1", "set")
    return history.export(SD, copy.number)


@pytest.fixture
def path(tmp_path, record):
    path = tmp_path / "copy.json"
    path.write_text(record)
    path.chmod(0o644)
    return path


def reason(path):
    """Why it is refused; quickly, since a FIFO must not hold us up."""
    refused = []

    def read():
        with pytest.raises(errors.CopyUnusable) as e:
            copy_file.read(str(path))
        refused.append(e.value.reason)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(30)
    assert refused, "it waits"
    return refused[0]


def test_what_was_exported(history, path):
    assert copy_file.read(str(path)) == history.get(SD, 1)


def test_with_an_end_of_line_and_through_a_link(history, path, tmp_path):
    path.write_text(path.read_text() + "\n")
    os.symlink(path, tmp_path / "link")
    assert copy_file.read(str(tmp_path / "link")) == history.get(SD, 1)


def test_fifo(tmp_path):
    os.mkfifo(tmp_path / "fifo", 0o600)
    assert "not a regular file" in reason(tmp_path / "fifo")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_device(device):
    reason(device)


def test_directory(tmp_path):
    assert "not a regular file" in reason(tmp_path)


def test_missing(tmp_path):
    assert "No such file" in reason(tmp_path / "none")


def test_huge(path):
    os.truncate(path, MAX_RECORD + 1)
    assert f"larger than {MAX_RECORD} bytes" in reason(path)


def test_sparse_and_enormous(path):
    os.truncate(path, 1 << 40)
    assert "larger than" in reason(path)


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o777])
def test_every_user_can_write_it(path, mode):
    path.chmod(mode)
    assert "every user can write it" in reason(path)


def test_every_cut_is_refused(path, record):
    for size in range(len(record)):
        path.write_text(record[:size])
        with pytest.raises(errors.CopyUnusable):
            copy_file.read(str(path))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 512,
        b"\xff\xfe",
        b"{",
        b"[" * 100_000,
        b"1" * 5000,
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"NaN",
        b"A=1\nVERSION=5\n",
    ],
    ids=range(12),
)
def test_no_record(path, data):
    path.write_bytes(data)
    assert reason(path)


@pytest.mark.parametrize(
    "schema", [0, 3, 1.0, True, "1", None, [1], 10**30, "\x1b[2J"]
)
def test_another_schema(path, record, schema):
    path.write_text(json.dumps({**json.loads(record), "schema": schema}))
    assert "schema" in reason(path)


@pytest.mark.parametrize(
    "key, value",
    [
        ("lines", None),
        ("lines", "A=1"),
        ("lines", [1]),
        ("lines", {"A": "1"}),
        ("number", "1"),
        ("number", 0),
        ("number", True),
        ("number", 1.5),
        ("domain", None),
        ("time", 5),
        ("by", []),
        ("place", {}),
        ("action", 1),
        ("more", 1),
    ],
)
def test_value_of_another_kind(path, record, key, value):
    path.write_text(json.dumps({**json.loads(record), key: value}))
    assert reason(path)


@pytest.mark.parametrize("key", json.loads('["lines", "number", "schema"]'))
def test_key_that_is_missing(path, record, key):
    fields = json.loads(record)
    del fields[key]
    path.write_text(json.dumps(fields))
    assert reason(path)


def test_reason_is_harmless(path, record):
    path.write_text(json.dumps({**json.loads(record), "\x1b[2J": 1}))
    assert "\x1b" not in reason(path)


@pytest.mark.parametrize("found", ["b" + SD[1:], "", "x\x1b", None])
def test_another_domain(history, found):
    storage = make(SDUUID=found)
    copy = history.keep(storage, storage.lines, "me", "set")
    with pytest.raises(errors.CopyUnusable) as e:
        copy_file.require_domain(copy, "file", SD)
    assert "SDUUID" in str(e.value)
    assert "\x1b" not in str(e.value)

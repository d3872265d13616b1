# SPDX-License-Identifier: GPL-2.0-or-later
"""Which file is a permit, and for which VM."""

import os

import pytest

from tests.support.hooks.permitfile import (
    HOUR,
    OTHER,
    VM,
    content,
    make,
    needs_root,
    why_not,
    write,
)
from vdsm_backup.guard import permits
from vdsm_backup.processes import regular_files

# One that lifts


@needs_root
def test_one_that_was_made(directory):
    make(directory)
    found = permits.find(directory, VM)
    assert (found.vm_id, found.reason) == (VM, "the mail server")
    assert found.by == "root@host1"
    assert 0 < found.left <= HOUR


@needs_root
def test_it_is_of_one_vm(directory):
    make(directory)
    assert permits.find(directory, OTHER) is None


@needs_root
def test_a_uuid_in_capital_letters(directory):
    make(directory)
    assert permits.find(directory, VM.upper()).vm_id == VM


@pytest.mark.parametrize(
    "vm_id", [None, "", "web1", "../" + VM, "*", f"{VM}\n"]
)
def test_a_vm_without_a_uuid_has_none(directory, vm_id):
    for name in (".json", "web1.json", "None.json", "*.json"):
        with open(os.path.join(directory, name), "w") as f:
            f.write("{}")
    assert permits.find(directory, vm_id) is None


def test_there_is_none(directory):
    assert permits.find(directory, VM) is None
    assert permits.find(os.path.join(directory, "none"), VM) is None
    file = os.path.join(directory, "file")
    open(file, "w").close()
    assert permits.find(file, VM) is None


def test_where_there_is_none_one_call_tells(directory, monkeypatch):
    calls = []
    lstat = os.lstat
    monkeypatch.setattr(
        permits.os, "lstat", lambda path: calls.append(path) or lstat(path)
    )
    for name in ("open_file", "open_directory"):
        monkeypatch.setattr(regular_files, name, None)
    assert permits.find(directory, VM) is None
    assert calls == [permits.path_of(directory, VM)]


# One that lifts nothing


@needs_root
@pytest.mark.parametrize("owner", [(36, 36), (0, 36)])
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o646, 0o4666])
@pytest.mark.parametrize("what", ["file", "directory"])
def test_it_must_be_roots_alone(directory, owner, mode, what):
    path = write(directory, VM, content(VM))
    target = path if what == "file" else directory
    os.chown(target, *owner)
    os.chmod(target, mode | (0o111 if what == "directory" else 0))
    name = "it" if what == "file" else directory
    if owner[0] != 0:
        assert why_not(directory) == f"{name} belongs to user 36, not to root"
    elif mode & 0o022:
        assert "others may write there" in why_not(directory)
        assert why_not(directory).startswith(f"{name} has mode ")
    else:
        assert permits.find(directory, VM)


@needs_root
def test_a_link(directory, tmp_path):
    path = write(tmp_path / "elsewhere", VM, content(VM))
    os.symlink(path, permits.path_of(directory, VM))
    assert why_not(directory) == "it is a symbolic link"


@needs_root
def test_a_directory_that_is_a_link(directory, tmp_path):
    write(directory, VM, content(VM))
    link = str(tmp_path / "link")
    os.symlink(directory, link)
    assert why_not(link) == f"{link} is a symbolic link"


@needs_root
@pytest.mark.parametrize("kind", ["fifo", "device", "directory"])
def test_no_file(directory, kind):
    path = permits.path_of(directory, VM)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    else:
        os.mkdir(path)
    expected = {"directory": "it is a directory"}
    assert why_not(directory) == expected.get(kind, "it is no regular file")


@needs_root
@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (b"[" * 8000, "no JSON"),
        (b" " * 9000, "larger than"),
        (b"[]", "not as"),
        (b"null", "not as"),
        (b"{}", "not as"),
    ],
)
def test_what_is_no_permit(directory, data, reason):
    write(directory, VM, data)
    assert reason in why_not(directory)


@needs_root
@pytest.mark.parametrize(
    "key", ["schema", "vm", "reason", "by", "made", "boot", "begins", "ends"]
)
@pytest.mark.parametrize("value", [None, "", [], {"a": 1}, False])
def test_a_key_that_is_missing_or_of_another_type(directory, key, value):
    write(directory, VM, content(VM, **{key: value}))
    assert why_not(directory) == "it is not as `permit` makes it"


@needs_root
@pytest.mark.parametrize("begins", [0.0, 10.0, float("nan"), float("inf")])
@pytest.mark.parametrize("ends", [float("nan"), float("inf"), 1e18, -1.0, 0.0])
def test_times_that_make_no_sense(directory, begins, ends):
    write(directory, VM, content(VM, begins=begins, ends=ends))
    assert why_not(directory) == "it is not as `permit` makes it"


@needs_root
def test_one_that_is_too_long(directory):
    begins = permits.now()
    ends = begins + permits.MAX_SECONDS
    write(directory, VM, content(VM, begins=begins, ends=ends))
    assert permits.find(directory, VM)
    write(directory, VM, content(VM, begins=begins, ends=ends + 1))
    assert why_not(directory) == "it is not as `permit` makes it"


@needs_root
def test_of_another_vm(directory):
    write(directory, VM, content(OTHER))
    assert why_not(directory) == "it is of another VM"

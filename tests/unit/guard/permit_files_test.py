# SPDX-License-Identifier: GPL-2.0-or-later
"""Making and removing permits."""

import os

import pytest

from tests.support.hooks import permitfile
from tests.support.hooks.permitfile import OTHER, VM, make, needs_root, write
from vdsm_backup import errors
from vdsm_backup.guard import permit_files, permits
from vdsm_backup.host import journal

pytest_plugins = ["tests.support.journalentries"]


@needs_root
def test_what_is_made(directory, entries):
    os.umask(0o077)
    try:
        make(os.path.join(directory, "new", "one"))
    finally:
        os.umask(0o022)
    path = permits.path_of(os.path.join(directory, "new", "one"), VM)
    status = os.stat(path)
    assert (status.st_mode & 0o7777, status.st_uid) == (0o644, 0)
    assert os.stat(os.path.dirname(path)).st_mode & 0o7777 == 0o755
    assert os.listdir(os.path.dirname(path)) == [f"{VM}.json"]
    (entry,) = entries
    assert entry.pop("message").startswith(
        f"VM {VM} may use flagged domains on this host: permitted until 20"
    )
    assert entry == {
        "priority": journal.WARNING,
        "action": "permit",
        "result": "done",
        "vm": f"VM {VM}",
        "vm_id": VM,
        "reason": "the mail server",
        "by": "root@host1",
    }


@needs_root
@pytest.mark.parametrize("there", ["permit", "link", "fifo"])
def test_it_replaces_what_is_there(directory, tmp_path, there):
    path = permits.path_of(directory, VM)
    target = tmp_path / "target"
    target.write_text("as it was")
    if there == "permit":
        write(directory, VM, permitfile.expired(VM))
    elif there == "link":
        os.symlink(target, path)
    else:
        os.mkfifo(path)
    make(directory)
    assert permits.find(directory, VM).left > 0
    assert target.read_text() == "as it was"


@needs_root
@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_none_is_made_where_others_may_write(directory, entries, mode):
    os.chmod(directory, mode)
    with pytest.raises(errors.PermitFailed, match="others may write there"):
        make(directory)
    assert os.listdir(directory) == []
    failed(entries)


@needs_root
def test_one_that_cannot_be_written_leaves_the_old_one(
    directory, entries, monkeypatch
):
    old = make(directory)
    entries.clear()

    def fail(fd, content):
        os.close(fd)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(permit_files.durable_files, "write_json", fail)
    with pytest.raises(errors.PermitFailed, match="No space left"):
        make(directory)
    assert permits.find(directory, VM) == old
    assert os.listdir(directory) == [f"{VM}.json"]
    failed(entries)


def test_only_root(directory, entries, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 36)
    with pytest.raises(errors.PermitFailed, match="only root"):
        make(directory)
    with pytest.raises(errors.PermitFailed, match="only root"):
        permit_files.revoke(directory, VM, "x@y")
    assert os.listdir(directory) == []
    failed(entries[:1])
    failed(entries[1:])


@needs_root
def test_revoke(directory, entries):
    make(directory)
    make(directory, OTHER)
    entries.clear()
    assert permit_files.revoke(directory, VM, "root@host1")
    assert permits.find(directory, VM) is None
    assert permits.find(directory, OTHER)
    (entry,) = entries
    assert (entry["action"], entry["result"]) == ("permit", "undone")
    assert (entry["vm_id"], entry["by"]) == (VM, "root@host1")
    assert not permit_files.revoke(directory, VM, "root@host1")
    _, entry = entries
    assert (entry["action"], entry["result"]) == ("permit", "undone")
    assert "has no permit" in entry["message"]


@needs_root
def test_interrupted(directory, entries, monkeypatch):
    """The permit may be there, and the journal says so."""

    def interrupt(directory, vm_id):
        raise KeyboardInterrupt

    monkeypatch.setattr(permits, "read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(directory)
    assert os.listdir(directory) == [f"{VM}.json"]
    (entry,) = entries
    assert (entry["priority"], entry["result"]) == (4, "interrupted")


def failed(entries):
    (entry,) = entries
    assert (entry["action"], entry["result"]) == ("permit", "failed")
    assert (entry["priority"], entry["code"]) == (3, 9607)
    assert (entry["vm_id"], VM in entry["message"]) == (VM, True)


@needs_root
def test_all_that_are_there(directory):
    third = VM.replace("0ad9", "2ad9")
    made = make(directory, OTHER)
    write(directory, VM, b"")
    write(directory, third, permitfile.expired(third))
    open(os.path.join(directory, f"{VM}.json.7.new"), "w").close()
    open(os.path.join(directory, "README"), "w").close()
    found = permit_files.all_found(directory)
    assert list(found) == [VM, OTHER, third]
    assert isinstance(found[VM], errors.PermitUnusable)
    assert found[OTHER] == made
    assert found[third].left <= 0
    assert permit_files.all_found(os.path.join(directory, "none")) == {}

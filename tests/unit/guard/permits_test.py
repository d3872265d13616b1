# SPDX-License-Identifier: GPL-2.0-or-later
"""Which file is a permit, and for which VM."""

import os
import time

import pytest

from tests.support.hooks import permitfile
from tests.support.hooks.permitfile import HOUR, content, needs_root, write
from vdsm_backup import errors
from vdsm_backup.guard import audit, permit_files, permits, policy
from vdsm_backup.guard.verdict import Finding, Verdict
from vdsm_backup.host import journal
from vdsm_backup.metadata.flag import Flag
from vdsm_backup.processes import regular_files

pytest_plugins = ["tests.support.journalentries"]

VM = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
OTHER = "1bd9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "permits"
    path.mkdir(mode=0o755)
    return str(path)


def make(directory, vm_id=VM, seconds=HOUR):
    made, _ = permit_files.make(
        directory, vm_id, seconds, "the mail server", "root@host1"
    )
    return made


def why_not(directory, vm_id=VM):
    """Why the permit of a VM lifts nothing."""
    with pytest.raises(errors.PermitUnusable) as e:
        permits.find(directory, vm_id)
    assert e.value.vm_id == VM
    assert e.value.path == permits.path_of(directory, VM)
    return e.value.reason


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


# Clocks


@needs_root
def test_it_expires(directory, monkeypatch):
    ends = make(directory).ends
    for now, expired in ((ends - 1, False), (ends, True), (ends + 1, True)):
        monkeypatch.setattr(permits, "now", lambda now=now: now)
        if expired:
            assert why_not(directory) == "it has expired"
        else:
            assert permits.find(directory, VM).left == 1


@needs_root
def test_from_the_future(directory):
    begins = permits.now() + HOUR
    write(directory, VM, content(VM, begins=begins, ends=begins + HOUR))
    assert why_not(directory) == "it begins in the future"


@needs_root
def test_from_before_this_boot(directory):
    boot = "00000000-0000-4000-8000-000000000000"
    write(directory, VM, content(VM, boot=boot))
    assert why_not(directory) == "it is from before this host has booted"


@needs_root
@pytest.mark.parametrize("jump", [-10 * 365 * 86400, 10 * 365 * 86400])
def test_the_clock_on_the_wall_may_jump(directory, monkeypatch, jump):
    """It makes no difference, and `until` is by the new one."""
    made = make(directory)
    wall = time.time() + jump
    monkeypatch.setattr(permits.time, "time", lambda: wall)
    found = permits.find(directory, VM)
    assert found.ends == made.ends
    assert found.until[:4] == str(time.gmtime(wall).tm_year)
    write(directory, VM, permitfile.expired(VM))
    assert why_not(directory) == "it has expired"


def test_the_clock_runs_from_boot_and_while_the_host_sleeps():
    with open("/proc/uptime") as f:
        before = float(f.read().split()[0])
    assert before - 1 <= permits.now()
    assert permits.now() <= time.clock_gettime(time.CLOCK_BOOTTIME)


# What it lifts


def verdict(operation="run", settings=None):
    flagged = Finding("d", "backups", ["disk vda"], Flag(True))
    unknown = Finding(
        "e", "e", ["disk vdb"], error=errors.MetadataUnreadable("e", "I/O")
    )
    settings = settings or policy.Settings()
    return Verdict(operation, settings, [flagged, unknown])


@needs_root
def test_it_lifts_both_kinds_of_refusals_and_is_told(directory, entries):
    permit = make(directory)
    entries.clear()
    found = audit.permitted(verdict(), directory, "VM web1", VM)
    assert found.allowed and found.permit == permit
    assert audit.tell(found, "VM web1", VM) == []
    assert [e["code"] for e in entries] == [994, 995]
    for entry in entries:
        assert entry["answer"] == "allowed"
        assert entry["message"].startswith(
            f"Not refused, permitted until {permit.until} by root@host1: the"
            " mail server: VM web1 cannot start"
        )
        assert (entry["by"], entry["reason"]) == (permit.by, permit.reason)
        assert entry["priority"] == journal.WARNING


@needs_root
@pytest.mark.parametrize("vm_id", [None, "", OTHER])
def test_of_another_vm_it_lifts_nothing(directory, entries, vm_id):
    make(directory)
    entries.clear()
    found = audit.permitted(verdict(), directory, "VM web1", vm_id)
    assert len(audit.tell(found, "VM web1", vm_id)) == 2
    assert {e["answer"] for e in entries} == {"refused"}


@needs_root
@pytest.mark.parametrize("operation", ["preview", "format"])
def test_what_is_of_no_vm_it_does_not_lift(directory, operation):
    make(directory)
    wanted = verdict(operation)
    assert audit.permitted(wanted, directory, "A VM", VM) == wanted


@needs_root
def test_one_that_lifts_nothing_is_told(directory, entries):
    path = write(directory, VM, permitfile.expired(VM))
    found = audit.permitted(verdict(), directory, "VM web1", VM)
    assert not found.allowed
    assert entries == [
        {
            "message": f"The permit of VM {VM} lifts nothing: {path}:"
            " it has expired",
            "priority": journal.WARNING,
            "code": 9606,
            "vm": "VM web1",
            "vm_id": VM,
            "hint": "; ".join(errors.PermitUnusable(VM, "", "").hint_lines()),
        }
    ]


@pytest.mark.parametrize(
    "which", ["permissive", "recover", "transfer", "nothing found"]
)
def test_it_is_not_looked_for_where_nothing_is_refused(monkeypatch, which):
    monkeypatch.setattr(permits, "find", None)
    wanted = {
        "permissive": verdict(settings=policy.Settings("permissive")),
        "recover": verdict("recover"),
        "transfer": verdict("transfer"),
        "nothing found": Verdict("run", policy.Settings()),
    }[which]
    assert audit.permitted(wanted, "/x", "VM web1", VM) == wanted


# Making and removing


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
    assert (os.listdir(directory), entries) == ([], [])


@needs_root
def test_one_that_cannot_be_written_leaves_the_old_one(
    directory, entries, monkeypatch
):
    old = make(directory)
    entries.clear()

    def fail(fd, content):
        os.close(fd)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(permit_files.records, "write_json", fail)
    with pytest.raises(errors.PermitFailed, match="No space left"):
        make(directory)
    assert permits.find(directory, VM) == old
    assert (os.listdir(directory), entries) == ([f"{VM}.json"], [])


def test_only_root(directory, entries, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 36)
    with pytest.raises(errors.PermitFailed, match="only root"):
        make(directory)
    with pytest.raises(errors.PermitFailed, match="only root"):
        permit_files.revoke(directory, VM, "x@y")
    assert (os.listdir(directory), entries) == ([], [])


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
    assert len(entries) == 1


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

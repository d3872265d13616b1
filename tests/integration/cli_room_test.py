# SPDX-License-Identifier: GPL-2.0-or-later
"""
Directories of this host in which nothing can be written: it is told which one,
why, and what to look at; and doctor knows it before a change fails.
"""

import os

import pytest

from tests.support.clifixtures import WHY, A
from tests.support.hooks.needs import needs_sanlock, slow_to_join
from tests.support.processes import namespace
from tests.support.storage import filedomain

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
]
pytestmark = [slow_to_join, needs_sanlock, namespace.needs_namespace]


@pytest.fixture
def ns():
    with namespace.Namespace() as ns:
        yield ns


def full(ns, path):
    ns.run("mount", "-t", "tmpfs", "-o", "size=4k,mode=777", "tmpfs", path)
    ns.run("sh", "-c", f"! head -c 8192 /dev/zero 2>&- >{path}/all")


def without_inodes(ns, path):
    ns.run("mount", "-t", "tmpfs", "-o", "nr_inodes=1,mode=777", "-", path)


def read_only(ns, path):
    ns.run("mount", "-t", "tmpfs", "-o", "ro,mode=777", "tmpfs", path)


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize("whole", [False, True], ids=["mount", "superblock"])
def test_domain_that_is_read_only(leased, ns, dry, whole):
    """Nothing is tried, and a dry run says it, too."""
    mount = leased.mount
    if whole:
        ns.run("mount", "-t", "tmpfs", "tmpfs", mount)
    leased.domain(sd_id=A, BACKUP="True", BACKUP_REASON="old")
    before = leased.bytes(A)
    if whole:
        away = f"{leased.repo}.away"
        os.mkdir(away)
        os.rename(os.path.join(mount, A), os.path.join(away, A))
        ns.run("cp", "-a", os.path.join(away, A), mount)
        ns.run("mount", "-o", "remount,ro", mount)
        os.rename(os.path.join(away, A), os.path.join(mount, A))
    else:
        ns.run("mount", "--bind", mount, mount)
        ns.run("mount", "-o", "remount,bind,ro", mount)
    for command in (
        ["set", A, *WHY, "--replace"],
        ["clear", A, *WHY],
    ):
        done = leased.process(*command, *dry, inside=ns.enter())
        assert (done.code, done.out) == (1, "")
        assert (
            f"error 9624: The flag of storage domain {A} cannot be changed:"
            f" {mount} is mounted read-only on this host\n"
        ) in done.err
        assert f"see its options: findmnt {mount}; " in done.err
    nothing = leased.process("set", A, "--reason=old", inside=ns.enter())
    assert (nothing.code, nothing.err) == (0, "")
    assert leased.bytes(A) == before
    assert leased.kept() == []
    leased.assert_tidy(A)


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_restore_and_reseal_of_what_is_read_only(leased, ns, dry):
    mount = leased.mount
    leased.domain(sd_id=A)
    assert leased.process("set", A, *WHY).code == 0
    ns.run("mount", "--bind", mount, mount)
    ns.run("mount", "-o", "remount,bind,ro", mount)
    refused = f"cannot be changed: {mount} is mounted read-only on this host\n"
    done = leased.process("restore", A, "--from=1", *dry, inside=ns.enter())
    assert done.code == 1
    assert "error 9624: " in done.err and refused in done.err
    edited = leased.bytes(A).replace(b"nightly", b"weekly!")
    filedomain.put_bytes(mount, A, edited)
    done = leased.process("reseal", A, *WHY, *dry, inside=ns.enter())
    assert done.code == 1
    assert "error 9624: " in done.err and refused in done.err
    assert leased.bytes(A) == edited
    assert len(leased.kept()) == 1


HOW = [
    (full, "No space left on device", "df -h {0}; df -i {0}"),
    (without_inodes, "No space left on device", "df -h {0}; df -i {0}"),
    (read_only, "Read-only file system", "findmnt -T {0}"),
]


@pytest.mark.parametrize("spoil, reason, hint", HOW)
def test_run_dir(leased, ns, spoil, reason, hint):
    """sanlock has no part in it."""
    leased.domain(sd_id=A)
    before = leased.bytes(A)
    os.makedirs(leased.run_dir, exist_ok=True)
    spoil(ns, leased.run_dir)
    done = leased.process("set", A, *WHY, inside=ns.enter())
    assert f"error 9613: This host cannot keep in {leased.run_dir}" in done.err
    assert reason in done.err
    assert f": {hint.format(leased.run_dir)}\n" in done.err
    assert "systemctl" not in done.err
    assert leased.bytes(A) == before
    checked = leased.process("doctor", inside=ns.enter())
    (line,) = [s for s in checked.out.splitlines() if " room: " in s]
    assert line.startswith("bad ") and leased.run_dir in line
    assert reason in line
    assert hint.format(leased.run_dir) in checked.out


@pytest.mark.parametrize("spoil, reason, hint", HOW)
def test_history(leased, ns, spoil, reason, hint):
    leased.domain(sd_id=A)
    before = leased.bytes(A)
    os.makedirs(leased.history, exist_ok=True)
    spoil(ns, leased.history)
    done = leased.process("set", A, *WHY, inside=ns.enter())
    assert f"cannot be kept or read in {leased.history}" in done.err
    assert reason in done.err
    assert f": {hint.format(leased.history)}\n" in done.err
    assert "make it writable for the vdsm user" not in done.err
    assert leased.bytes(A) == before
    checked = leased.process("doctor", inside=ns.enter())
    (line,) = [s for s in checked.out.splitlines() if " room: " in s]
    assert line.startswith("bad ") and leased.history in line


def test_history_that_is_a_file(leased):
    leased.domain(sd_id=A)
    with open(leased.history, "w"):
        pass
    done = leased.process("set", A, *WHY)
    assert f"in {leased.history}: File exists\n" in done.err
    assert f"of a directory: namei -l {leased.history}\n" in done.err
    assert "make it writable" not in done.err


def test_doctor_where_there_is_room(leased):
    done = leased.process("doctor")
    assert "ok       room: there is some in " in done.out

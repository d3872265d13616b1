# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command on storage that hangs or fails, and on what its user may not read.
"""

import errno
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from tests import ROOT
from tests.support import commandline, testhost
from tests.support.clifixtures import IO_TIMEOUT, OWNER, SLACK, WHY, A, B
from tests.support.hooks.needs import (
    needs_fuse,
    needs_other_user,
)
from tests.support.processes import proc
from tests.support.storage import filedomain, hangfs
from tests.support.waiting import SOON
from vdsm_backup.lease import client
from vdsm_backup.processes import companion
from vdsm_backup.users import users

pytest_plugins = ["tests.support.clifixtures"]


@needs_fuse
class TestHungMount:
    @pytest.fixture
    def fs(self, directory, backend):
        with testhost.Host(
            os.path.join(directory, "host"), IO_TIMEOUT, ioprocess=backend
        ) as self.host:
            with hangfs.Hangfs() as fs:
                self.hung = os.path.join(self.host.repo, "mnt", "hung:_x")
                os.symlink(fs.mount, self.hung)
                self.host.domain(sd_id=A, name="good")
                self.host.domain(sd_id=B, name="hung", mount=fs.root)
                yield fs

    def test_rows_of_others_come_at_once(self, fs):
        fs.hang("readdir")
        self.host.configure(io_timeout=SOON)
        started = time.monotonic()
        with self.host.start("list") as process:
            process.stdout.readline()
            row = process.stdout.readline()
            first = time.monotonic() - started
            out, err = process.communicate()
        ended = time.monotonic() - started
        assert row.split() == [A, "file", "5", "no", "no", "good"]
        assert first < SOON <= ended
        hung, *details = out.splitlines()
        assert hung.split() == ["-", "file", "-", "-", "unknown", "-"]
        assert details == [
            f"    {self.hung}",
            f"    error 962: {self.hung} did not answer within {SOON}"
            " seconds",
        ]
        assert (process.returncode, err) == (3, "")

    @pytest.mark.slow("fifty domains, and a timeout")
    def test_one_child_for_fifty_mounts(self, fs, backend):
        if backend != "embedded":
            pytest.skip("ioprocess is a process for each mount")
        for n in range(48):
            self.host.domain(mount=self.host.add_mount(f"server:_m{n}"))
        fs.hang("readdir")
        self.host.configure(io_timeout=SOON)
        started = time.monotonic()
        with self.host.start("list") as process:
            fs.wait_stuck("readdir")
            children = proc.children(process.pid)
            assert list(map(proc.name, children)) == [companion.NAME]
            out, _ = process.communicate()
        assert time.monotonic() - started < SOON + SLACK
        # And the titles.
        assert len(re.findall(r"^\S.* file ", out, re.M)) == 50
        assert len(re.findall("did not answer within", out)) == 1
        assert process.returncode == 3

    @pytest.mark.parametrize("op", ["readdir", "read", "open", "getattr"])
    def test_list_into_a_pipe_ends(self, fs, op):
        """Although a child is stuck, and has what it inherited."""
        fs.hang(op, "" if op == "readdir" else "metadata")
        command = self.host.command("list", "--json")
        started = time.monotonic()
        done = subprocess.run(
            ["sh", "-c", '{ "$@"; echo "$?" >&2; } | cat', "sh", *command],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert time.monotonic() - started < IO_TIMEOUT + SLACK
        assert fs.stuck(op)
        rows = {row["id"]: row for row in json.loads(done.stdout)["domains"]}
        assert rows.pop(A)["error"] is None
        (hung,) = rows.values()
        assert hung["error"]["code"] == 962
        assert done.stderr == "3\n"

    def test_other_domains_are_shown_meanwhile(self, fs):
        fs.hang("readdir")
        started = time.monotonic()
        done = self.host.process("verify", A)
        assert time.monotonic() - started < IO_TIMEOUT + SLACK
        assert done.code == 0
        assert done.out.startswith(f"{A}: ok, good\n")
        assert "hung:_x could not be searched: " in done.out

    @pytest.mark.slow("each of them waits for the storage")
    def test_all_commands_end(self, fs):
        fs.hang("read", "metadata")
        commands = [
            (["show", B], 1),
            (["set", B, *WHY], 1),
            (["clear", B, *WHY], 1),
            (["verify"], 3),
            (["verify", B], 3),
            (["history", B], 0),
        ]
        for args, code in commands:
            started = time.monotonic()
            done = self.host.process(*args)
            assert time.monotonic() - started < 2 * IO_TIMEOUT + SLACK, args
            assert done.code == code
            if code:
                assert "error 962: " in done.out + done.err


@needs_fuse
@pytest.mark.parametrize(
    "op, error",
    [
        ("create", errno.EROFS),
        ("create", errno.EACCES),
        ("write", errno.ENOSPC),
        ("write", errno.EDQUOT),
        ("fsync", errno.EIO),
        ("rename", errno.EROFS),
    ],
)
def test_storage_that_cannot_be_written(host, monkeypatch, op, error):
    monkeypatch.setattr(client, "take", commandline.free_lease)
    monkeypatch.setattr(users, "find", lambda *args: users.Users())
    with hangfs.Hangfs() as fs:
        os.symlink(fs.mount, os.path.join(host.repo, "mnt", "failing"))
        host.domain(sd_id=A, mount=fs.root)
        before = filedomain.get_bytes(fs.root, A)
        fs.fail(op, error, "metadata")
        done = host.json("set", A, *WHY)
        assert (done.error, done.code) == (970, 1)
        assert os.strerror(error) in done.json["error"]["message"]
        fs.clear()
        assert filedomain.get_bytes(fs.root, A) == before
        assert host.run("set", A, *WHY).code == 0
        # Nothing is left behind, at the latest by the next change.
        dom_md = os.path.join(fs.root, A, "dom_md")
        assert not [n for n in os.listdir(dom_md) if "metadata." in n]


@needs_other_user
class TestUser:
    """What is done as root, and what as the configured user."""

    @pytest.fixture
    def squashed(self, directory):
        path = os.path.join(directory, "host")
        with testhost.Host(path, IO_TIMEOUT, user=36, group=36) as host:
            yield host

    def test_what_the_user_may_read(self, squashed):
        squashed.domain(sd_id=A, owner=OWNER)
        dom_md = os.path.join(squashed.mount, A, "dom_md")
        os.chmod(dom_md, 0o700)
        assert squashed.process("list").code == 0

    def test_code_that_the_user_cannot_read(self, squashed, directory):
        closed = os.path.join(directory, "closed")
        shutil.copytree(
            os.path.join(ROOT, "vdsm_backup"),
            os.path.join(closed, "vdsm_backup"),
        )
        os.chmod(closed, 0o700)
        process = squashed.start("list", cwd=closed)
        _, err = process.communicate()
        assert process.returncode == 1
        assert "error 987: " in err and "user 36 cannot read" in err
        # No option is wrong.
        assert "[storage]" not in err

    def test_what_only_root_may_read(self, squashed):
        squashed.domain(sd_id=A)
        path = filedomain.path(squashed.mount, A)
        os.chmod(path, 0o600)
        before = squashed.bytes(A)
        for args in (["list"], ["set", A, *WHY]):
            done = squashed.process(*args)
            assert "error 961: " in done.out + done.err
            assert "Permission denied" in done.out + done.err
        assert squashed.bytes(A) == before


@pytest.fixture
def failing(host, monkeypatch):
    """A file system that fails on demand, with the domain A."""
    monkeypatch.setattr(client, "take", commandline.free_lease)
    monkeypatch.setattr(users, "find", lambda *args: users.Users())
    with hangfs.Hangfs() as fs:
        os.symlink(fs.mount, os.path.join(host.repo, "mnt", "failing"))
        host.domain(sd_id=A, mount=fs.root)
        yield fs


@needs_fuse
def test_directory_that_cannot_be_synced_is_told(host, failing):
    failing.fail("fsyncdir", errno.EIO)
    done = host.json("set", A, *WHY)
    assert (done.code, done.json["changed"]) == (0, True)
    (note,) = done.json["notes"]
    assert "may still undo it" in note and "fsync of " in note
    done = host.run("clear", A, *WHY)
    assert done.code == 0
    assert "note: the change is on storage, but the write ended" in done.err


@needs_fuse
@pytest.mark.parametrize("error", [errno.EIO, errno.ETIMEDOUT])
def test_rename_of_which_nobody_can_say(host, failing, error):
    before = filedomain.get_bytes(failing.root, A)
    failing.fail("rename", error)
    done = host.json("set", A, *WHY)
    assert (done.error, done.code) == (982, 1)
    assert os.strerror(error) in done.json["error"]["message"]
    assert filedomain.get_bytes(failing.root, A) == before
    # A rename that comes now finds nothing.
    names = os.listdir(os.path.join(failing.root, A, "dom_md"))
    assert not [name for name in names if "metadata." in name]

# SPDX-License-Identifier: GPL-2.0-or-later
"""All commands on a real lease, and without sanlock."""

import contextlib
import fcntl
import os
import shlex
import shutil
import signal

import pytest

from tests.support import commandline, testhost
from tests.support.clifixtures import OWNER, WHY, A, B
from tests.support.hooks.needs import (
    needs_fuse,
    needs_private_tmp,
    needs_sanlock,
)
from tests.support.lease import sanlockd
from tests.support.storage import filedomain, hangfs
from tests.support.waiting import wait_until
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = ["tests.support.clifixtures"]
pytestmark = pytest.mark.slow(
    "sanlock takes 3 s to join a lockspace, 2 to leave it"
)


class Leased(testhost.Host):
    """A host whose domains have leases."""

    def domain(self, **values):
        sd_id = super().domain(owner=OWNER, **values)
        self.initialize(sd_id)
        return sd_id

    def leases(self, sd_id):
        dom_md = os.path.join(self.mount, sd_id, "dom_md")
        return sanlockd.Leases(sd_id, dom_md)

    def joined(self, sd_id):
        return sd_id in self.sanlock.call("lockspaces")

    def record(self, sd_id):
        return os.path.join(self.run_dir, f"{sd_id}.json")


@pytest.fixture
def leased(directory, sanlock):
    path = os.path.join(directory, "host")
    user, group = OWNER
    with Leased(
        path, sanlock=sanlock, user=user, group=group, settle=3
    ) as host:
        yield host


@needs_sanlock
def test_all_commands(leased):
    """The main job, and the schema of docs/json.md."""
    host = leased
    leased.domain(sd_id=A, name="data1")
    before = host.bytes(A)

    done = leased.process("set", "data1", *WHY, "--json")
    assert set(done.json) == commandline.CHANGED
    assert set(done.json["domain"]) == commandline.DOMAIN
    assert done.json["domain"]["origin_match"] == "same"
    assert done.json["changed"] is True
    assert done.code == 0
    assert not leased.joined(A)
    assert not os.path.exists(leased.record(A))

    done = leased.process("list", "--flagged", "--json")
    assert set(done.json) == {"schema", "domains"}
    (row,) = done.json["domains"]
    assert set(row) == commandline.DOMAIN
    assert (row["flag"], row["reason"]) == (True, "nightly copies")

    done = leased.process("show", A, "--json")
    assert set(done.json) == {"schema", "domain", "metadata", "users"}
    assert set(done.json["domain"]) == commandline.DOMAIN
    assert set(done.json["users"]) == commandline.USERS
    assert "BACKUP=True" in done.json["metadata"]

    done = leased.process("verify", "--json")
    assert set(done.json) == {"schema", "domains", "searched"}
    (row,) = done.json["domains"]
    assert set(row) == commandline.VERIFIED
    assert (row["ok"], row["notes"]) == (True, [])
    assert {"ids", "leases"} <= set(row["looked_at"])

    done = leased.process("clear", A, "--reason", "no more")
    assert done == commandline.Done(
        0, f"Storage domain data1 ({A}) is no backup domain now.\n", ""
    )

    done = leased.process("history", A, "--json")
    assert set(done.json) == {"schema", "domain", "copies", "notes"}
    copies = done.json["copies"]
    assert all(set(copy) == commandline.COPY for copy in copies)
    assert [copy["action"] for copy in copies] == ["set", "clear"]

    done = leased.process("restore", A, "--from", "1", "--json")
    assert set(done.json) == commandline.RESTORED
    assert host.bytes(A) == before

    done = leased.process("explain", "972", "--json")
    assert set(done.json) == {"schema", "explanation"}

    st = os.stat(filedomain.path(host.mount, A))
    assert (st.st_uid, st.st_gid, st.st_mode & 0o777) == (*OWNER, 0o644)
    st = os.stat(host.history)
    assert (st.st_uid, st.st_gid, st.st_mode & 0o777) == (*OWNER, 0o700)
    assert not leased.joined(A)


@needs_sanlock
def test_second_writer(leased):
    leased.domain(sd_id=A)
    with leased.start("set", A, *WHY) as first:
        wait_until(lambda: leased.kept())
        second = leased.process("clear", A, *WHY, "--timeout", "1", "--json")
        assert (second.error, second.code) == (976, 4)
        first.communicate()
    assert first.returncode == 0
    values = md_lines.parse(encoding.decode_file(leased.bytes(A), A)).values
    assert values["BACKUP"] == "True"


@needs_sanlock
def test_interrupted(leased):
    leased.domain(sd_id=A)
    before = leased.bytes(A)
    with leased.start("set", A, *WHY) as process:
        wait_until(lambda: os.path.exists(leased.record(A)))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert err.startswith("vdsm-backup-domain: error 991: Interrupted\n")
    assert process.returncode == 1
    assert leased.bytes(A) == before
    wait_until(lambda: not os.path.exists(leased.record(A)))
    assert not leased.joined(A)


def killed(leased, *args):
    """A run whose tool and holder are killed when it has joined."""
    with leased.start(*args) as process:
        wait_until(lambda: leased.joined(A))
        process.kill()
        os.kill(holder(leased, A), signal.SIGKILL)
        process.communicate()
    assert leased.joined(A)


@needs_sanlock
@pytest.mark.parametrize(
    "lines, code",
    [
        # Refused, and what the metadata says of sizes does not matter.
        (dict(BACKUP="maybe"), 966),
        (dict(VERSION=None), 963),
        (dict(BACKUP="True"), 0),
        (dict(BACKUP="False"), 0),
    ],
    ids=["refused", "no metadata", "set", "clear"],
)
def test_killed_run_is_tidied_by_a_run_that_changes_nothing(
    leased, lines, code
):
    leased.domain(sd_id=A)
    killed(leased, "clear", A, *WHY)
    values = filedomain.metadata(A, **{"BACKUP_REASON": WHY[1], **lines})
    filedomain.put(leased.mount, A, md_lines.flush(values))
    before = leased.bytes(A)
    # Who only looks leaves it as it is.
    for look in (["show", A], ["list"], ["verify"], ["doctor"]):
        leased.process(*look)
    command = "set" if lines.get("BACKUP") == "True" else "clear"
    leased.process(command, A, *WHY, "--dry-run")
    assert leased.joined(A)
    assert os.path.exists(leased.record(A))
    done = leased.process(command, A, *WHY)
    if code:
        assert f"error {code}: " in done.err
        assert done.code != 0
    else:
        assert done.out.startswith("Nothing to change: ")
        assert done.code == 0
    assert "note:" not in done.err
    assert not leased.joined(A)
    assert not os.path.exists(leased.record(A))
    assert leased.bytes(A) == before


def of_killed_runs(leased):
    """What doctor says: (state, text, hint)."""
    checks = leased.process("doctor", "--json").json["checks"]
    (found,) = [c for c in checks if c["name"] == "killed runs"]
    return found["state"], found["text"], found["hint"]


@needs_sanlock
@pytest.mark.parametrize("flag", [None, "True"], ids=["plain", "flagged"])
def test_doctor_names_the_command_that_tidies(leased, flag):
    reason = None if flag is None else "it's a copy"
    leased.domain(sd_id=A, BACKUP=flag, BACKUP_REASON=reason)
    assert of_killed_runs(leased)[0] == "ok"
    killed(leased, "clear", A, "--reason", "another")
    before = leased.bytes(A)
    state, text, hint = of_killed_runs(leased)
    assert state == "bad"
    assert A in text and "as host id 250" in text
    assert leased.joined(A)
    program, *command = shlex.split(hint.partition(", which only")[0])
    assert program == "vdsm-backup-domain"
    leased.process(*command)
    assert not leased.joined(A)
    assert of_killed_runs(leased)[0] == "ok"
    # It has changed nothing.
    assert leased.bytes(A) == before


@needs_sanlock
def test_doctor_tells_of_a_run_that_goes_on(leased):
    leased.domain(sd_id=A)
    with leased.start("set", A, *WHY) as process:
        wait_until(lambda: leased.joined(A))
        pid = holder(leased, A)
        state, text, _ = of_killed_runs(leased)
        assert state == "note" or process.poll() is not None
        assert f"pid {pid}" in text or process.poll() is not None
        process.communicate()
    assert process.returncode == 0


@needs_sanlock
def test_domain_that_is_mounted_twice(leased):
    """VDSM is in the lockspace by the other mount."""
    leased.domain(sd_id=A)
    twin = leased.add_mount("twin:_data", target=leased.mount)
    ids = os.path.join(leased.mount, A, "dom_md", "ids")
    leased.sanlock.call("join", A, 7, ids, sanlockd.IO_TIMEOUT)
    done = leased.process("set", A, *WHY, "--path", twin)
    assert done.code == 0, done.err
    assert leased.sanlock.call("lockspaces")[A] == 7
    leased.sanlock.call("leave", A, 7, ids)
    # A killed run has joined by the other mount.
    killed(leased, "clear", A, *WHY, "--path", leased.mount)
    assert f"--path {leased.mount}" in of_killed_runs(leased)[2]
    done = leased.process("clear", A, *WHY, "--path", twin)
    assert done.code == 0, done.err
    assert not leased.joined(A)
    assert not os.path.exists(leased.record(A))


@needs_sanlock
@needs_fuse
@pytest.mark.parametrize("which", ["same", "copy"])
def test_share_that_is_mounted_twice(leased, which):
    """
    Two mounts have two devices, and their own inodes. Under the lease this
    host's slot tells whether they are one storage.
    """
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(hangfs.Hangfs())
        root = one.root if which == "same" else None
        two = stack.enter_context(hangfs.Hangfs(root))
        filedomain.make(one.root, sd_id=A, owner=OWNER)
        dom_md = os.path.join(one.root, A, "dom_md")
        sanlockd.Leases(A, dom_md).initialize(leased.sanlock)
        if which == "copy":
            filedomain.make(two.root, sd_id=A, owner=OWNER)
            for name in ("ids", "leases", "metadata"):
                copy = os.path.join(two.root, A, "dom_md", name)
                shutil.copyfile(os.path.join(dom_md, name), copy)
        first = leased.add_mount("one:_data", target=one.mount)
        leased.add_mount("two:_data", target=two.mount)
        before = filedomain.get_bytes(one.root, A)
        done = leased.process("set", A, *WHY)
        assert "error 957: " in done.err
        assert "if they are one storage" in done.err
        done = leased.process("set", A, *WHY, "--path", first)
        now = filedomain.get_bytes(one.root, A)
        if which == "same":
            assert done.code == 0, done.err
            assert b"BACKUP=True\n" in now
        else:
            assert "error 957: " in done.err
            assert one.mount in done.err or first in done.err
            assert now == before
            assert filedomain.get_bytes(two.root, A) == before
        assert not leased.joined(A)
        assert not os.path.exists(leased.record(A))


@needs_sanlock
@pytest.mark.parametrize("problem", ["gone", "unreadable", "twice"])
def test_killed_run_is_tidied_by_the_uuid(leased, problem):
    leased.domain(sd_id=A)
    killed(leased, "clear", A, *WHY)
    path = os.path.join(leased.mount, A)
    if problem == "gone":
        os.rename(path, f"{path}.away")
    elif problem == "unreadable":
        filedomain.put_bytes(leased.mount, A, b"\xff")
    else:
        leased.add_mount("twin:_data", target=leased.mount)
    hint = of_killed_runs(leased)[2].partition(",")[0]
    command = shlex.split(hint)[1:]
    if problem != "twice":
        assert command == ["restore", A, "--from", "999999999"]
    refused = leased.process("set", A, *WHY, "--dry-run")
    assert refused.code != 0
    assert leased.joined(A)
    if problem == "twice":
        command = ["set", A, *WHY]
    assert leased.process(*command).code != 0
    assert not leased.joined(A)
    assert not os.path.exists(leased.record(A))


@needs_sanlock
@pytest.mark.parametrize("command", [["restore"], ["restore", "--from", "9"]])
def test_killed_run_is_tidied_where_there_is_no_copy(leased, command):
    leased.domain(sd_id=A)
    killed(leased, "clear", A, *WHY)
    shutil.rmtree(os.path.join(leased.history, A), ignore_errors=True)
    done = leased.process(command[0], A, *command[1:], "--dry-run")
    assert "error 985: " in done.err
    assert leased.joined(A)
    done = leased.process(command[0], A, *command[1:])
    assert "error 985: " in done.err
    assert not leased.joined(A)
    assert not os.path.exists(leased.record(A))


def holder(leased, sd_id):
    with open(os.path.join(leased.run_dir, f"{sd_id}.lock")) as f:
        return int(f.read())


@needs_sanlock
def test_pool_that_is_not_gone(leased, sanlock):
    """VDSM was stopped, and has left this host in the lockspace."""
    leased.domain(sd_id=A, POOL_UUID=B)
    before = leased.bytes(A)
    leases = leased.leases(A)
    sanlock.join(leases, 1)
    args = ("set", A, *WHY, "--pool-is-gone", "--json")
    done = leased.process(*args)
    assert (done.error, done.code) == (973, 4)
    assert "as host id 1" in done.json["error"]["message"]
    assert leased.bytes(A) == before
    assert sanlock.joined(leases) == 1
    sanlock.leave(leases, 1)
    done = leased.process(*args)
    assert (done.code, done.json["changed"]) == (0, True)


@needs_sanlock
def test_pool_that_nobody_can_tell(leased, sanlock):
    """The same, and the metadata is gone that would tell the pool."""
    leased.domain(sd_id=A)
    assert leased.process("set", A, *WHY).code == 0
    left = md_lines.flush({"DESCRIPTION": "renamed"})
    filedomain.put(leased.mount, A, left)
    before = leased.bytes(A)
    leases = leased.leases(A)
    sanlock.join(leases, 1)
    args = ("restore", A, "--from", "1", "--json")
    done = leased.process(*args)
    assert (done.error, done.code) == (973, 4)
    assert "as host id 1" in done.json["error"]["message"]
    assert leased.bytes(A) == before
    assert sanlock.joined(leases) == 1
    sanlock.leave(leases, 1)
    done = leased.process(*args)
    assert (done.code, done.json["changed"]) == (0, True)


@needs_sanlock
def test_pool_is_gone_and_sanlock_does_not_answer(leased, sanlock):
    leased.domain(sd_id=A, POOL_UUID=B)
    before = leased.bytes(A)
    sanlock.freeze([])
    try:
        done = leased.process(
            *("set", A, *WHY, "--pool-is-gone", "--json"), "--timeout", "2"
        )
    finally:
        sanlock.thaw([])
    assert done.error == 979
    assert leased.bytes(A) == before


@needs_sanlock
def test_no_sanlock_daemon(host, directory):
    host.domain(sd_id=A)
    before = host.bytes(A)
    env = {"SANLOCK_RUN_DIR": directory}
    done = host.process("set", A, *WHY, "--json", env=env)
    assert (done.error, done.code) == (978, 1)
    assert host.bytes(A) == before
    assert host.kept() == []


@needs_private_tmp
def test_local_domain_needs_no_sanlock(host):
    """It has no lockspace: VDSM guards it by a lock on the host."""
    host.domain(sd_id=A, TYPE="LOCALFS")
    nobody = {"SANLOCK_RUN_DIR": "/nonexistent"}
    done = host.process("set", A, *WHY, env=nobody)
    assert (done.code, done.err.count("error")) == (0, 0), done.err
    assert host.json("show", A).json["domain"]["flag"] is True
    ids = os.path.join(host.mount, A, "dom_md", "ids")
    with open(ids) as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        done = host.process("clear", A, *WHY, "--timeout", "1", env=nobody)
        assert done.code == 4
        assert "error 976" in done.err
    assert host.process("clear", A, *WHY, env=nobody).code == 0

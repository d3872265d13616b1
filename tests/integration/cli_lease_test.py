# SPDX-License-Identifier: GPL-2.0-or-later
"""All commands on a real lease, and without sanlock."""

import contextlib
import fcntl
import os
import signal

import pytest

from tests.support import commandline
from tests.support.clifixtures import OWNER, WHY, A, B
from tests.support.hooks.needs import (
    needs_private_tmp,
    needs_sanlock,
    slow_to_join,
)
from tests.support.processes import warm
from tests.support.storage import filedomain
from tests.support.waiting import wait_until
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes import spawn

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
]
pytestmark = slow_to_join


@needs_sanlock
def test_all_commands(leased):
    """The main job, and the schema of docs/json.md."""
    leased.domain(sd_id=A, name="data1")
    before = leased.bytes(A)

    done = leased.process("set", "data1", *WHY, "--json")
    assert set(done.json) == commandline.CHANGED
    assert set(done.json["domain"]) == commandline.DOMAIN
    assert done.json["domain"]["origin_match"] == "same"
    assert done.json["changed"] is True
    assert done.code == 0
    leased.assert_tidy(A)

    done = leased.process("list", "--flagged", "--json")
    assert set(done.json) == {"schema", "domains", "notes"}
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
        0, f"Storage domain data1 ({A}) is no longer a backup domain.\n", ""
    )

    done = leased.process("history", A, "--json")
    assert set(done.json) == {"schema", "domain", "copies", "notes"}
    copies = done.json["copies"]
    assert all(set(copy) == commandline.COPY for copy in copies)
    assert [copy["action"] for copy in copies] == ["set", "clear"]

    done = leased.process("restore", A, "--from", "1", "--json")
    assert set(done.json) == commandline.RESTORED
    assert leased.bytes(A) == before

    done = leased.process("explain", "972", "--json")
    assert set(done.json) == {"schema", "explanation"}

    st = os.stat(filedomain.path(leased.mount, A))
    assert (st.st_uid, st.st_gid, st.st_mode & 0o777) == (*OWNER, 0o644)
    st = os.stat(leased.history)
    assert (st.st_uid, st.st_gid, st.st_mode & 0o777) == (*OWNER, 0o700)
    assert not leased.joined(A)


@needs_sanlock
@pytest.mark.parametrize("command", ["set", "clear"])
def test_python_starts_once_more(leased, monkeypatch, command):
    """All children are forked by that one."""
    # As root altogether: the tests go on in this process.
    leased.configure(user=os.getuid(), group=os.getgid(), settle=0)
    filedomain.make(leased.mount, sd_id=A)
    leased.initialize(A)
    for name, value in leased.sanlock.env.items():
        monkeypatch.setenv(name, value)
    started, real = [], spawn.start_python

    def start_python(module, *args, **options):
        started.append(module)
        return real(module, *args, **options)

    monkeypatch.setattr(spawn, "start_python", start_python)
    # As for a process of its own.
    monkeypatch.setattr(warm, "children", contextlib.nullcontext)
    assert leased.run(command, A, *WHY).code == 0
    assert started == ["vdsm_backup.processes.fork_server"]


def flagged(host):
    values = md_lines.parse(encoding.decode_file(host.bytes(A), A)).values
    return values.get("BACKUP") == "True"


@needs_sanlock
def test_second_writer(leased):
    leased.domain(sd_id=A)
    with leased.start("set", A, *WHY) as first:
        # From now on there is something to clear.
        wait_until(lambda: flagged(leased))
        # It would be done before a busy machine has started the second one.
        first.send_signal(signal.SIGSTOP)
        second = leased.process("clear", A, *WHY, "--timeout", "5", "--json")
        first.send_signal(signal.SIGCONT)
        assert (second.error, second.code) == (976, 4)
        first.communicate()
    assert first.returncode == 0
    assert flagged(leased)


@needs_sanlock
def test_interrupted(leased):
    leased.domain(sd_id=A)
    before = leased.bytes(A)
    with leased.start("set", A, *WHY) as process:
        wait_until(lambda: os.path.exists(leased.record(A)))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    said = "error 991: Interrupted, nothing was changed\n"
    assert err.startswith(f"vdsm-backup-domain: {said}")
    assert process.returncode == 130
    assert leased.bytes(A) == before
    wait_until(lambda: not os.path.exists(leased.record(A)))
    assert not leased.joined(A)


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


# A pool that is said to be gone


def refused_while_joined(leased, *args):
    """As VDSM's host id; when this host has left, it is not."""
    before, leases = leased.bytes(A), leased.leases(A)
    leased.sanlock.join(leases, 1)
    done = leased.process(*args, "--json")
    assert (done.error, done.code) == (973, 4)
    assert "as host id 1" in done.json["error"]["message"]
    assert leased.bytes(A) == before
    assert leased.sanlock.joined(leases) == 1
    leased.sanlock.leave(leases, 1)
    done = leased.process(*args, "--json")
    assert (done.code, done.json["changed"]) == (0, True)


@needs_sanlock
def test_pool_that_is_not_gone(leased):
    """VDSM was stopped, and has left this host in the lockspace."""
    leased.domain(sd_id=A, POOL_UUID=B)
    refused_while_joined(leased, "set", A, *WHY, "--pool-is-gone")


@needs_sanlock
def test_pool_that_nobody_can_tell(leased):
    """The same, and the metadata is gone that would tell the pool."""
    leased.domain(sd_id=A)
    assert leased.process("set", A, *WHY).code == 0
    left = md_lines.flush({"DESCRIPTION": "renamed"})
    filedomain.put(leased.mount, A, left)
    refused_while_joined(leased, "restore", A, "--from", "1")


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

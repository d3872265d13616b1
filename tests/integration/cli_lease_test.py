# SPDX-License-Identifier: GPL-2.0-or-later
"""All commands on a real lease, and without sanlock."""

import fcntl
import os
import signal

import pytest

from tests.support import commandline, testhost
from tests.support.clifixtures import OWNER, WHY, A
from tests.support.hooks.needs import (
    needs_private_tmp,
    needs_sanlock,
)
from tests.support.storage import filedomain
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


@needs_sanlock
def test_killed_run_is_tidied_by_a_run_that_changes_nothing(leased):
    leased.domain(sd_id=A)
    with leased.start("clear", A, *WHY) as process:
        wait_until(lambda: leased.joined(A))
        process.kill()
        os.kill(holder(leased, A), signal.SIGKILL)
        process.communicate()
    assert leased.joined(A)
    filedomain.put(
        leased.mount,
        A,
        md_lines.flush(filedomain.metadata(A, CLASS="Data", BACKUP="maybe")),
    )
    # Refused, and says what could not be tidied.
    done = leased.process("clear", A, *WHY)
    assert "error 966: " in done.err
    assert "note: a killed run may have left the lockspace" in done.err
    filedomain.put(
        leased.mount,
        A,
        md_lines.flush(
            filedomain.metadata(A, BACKUP="False", BACKUP_REASON=WHY[1])
        ),
    )
    done = leased.process("clear", A, *WHY)
    assert done.out.startswith("Nothing to change: ")
    assert done.code == 0
    assert not leased.joined(A)
    assert not os.path.exists(leased.record(A))


def holder(leased, sd_id):
    with open(os.path.join(leased.run_dir, f"{sd_id}.lock")) as f:
        return int(f.read())


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

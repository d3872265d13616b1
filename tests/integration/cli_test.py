# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command as a process of its own: pipes, terminals, mounts that hang, and
all commands on a real lease.
"""

import errno
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from tests.support import commandline, filedomain, hangfs, rundir, sanlockd
from tests.support.backends import wait_until
from tests.support.needs import (
    needs_fuse,
    needs_other_user,
    needs_sanlock,
    no_other_user,
)
from vdsm_backup import format as fmt
from vdsm_backup import lease, users
from vdsm_backup.cli import layout

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
EVIL = "a\x1b[2Jb\u202ec"
WHY = ["--reason", "nightly copies"]

# Of the storage here. A run that waits for what hangs for ever takes longer
# than all slack.
IO_TIMEOUT = 2
SLACK = 8

# As on a host: root starts us, files are those of vdsm:kvm.
OWNER = (os.getuid(), os.getgid()) if no_other_user() else (36, 36)


@pytest.fixture
def directory():
    path = rundir.make("cli")
    yield path
    rundir.remove(path)


@pytest.fixture
def host(directory):
    with commandline.Host(directory, IO_TIMEOUT) as host:
        yield host


# Pipes and terminals


def test_it_is_the_command_of_setup_py():
    with open(os.path.join(commandline.ROOT, "setup.py")) as f:
        assert "vdsm-backup-domain = vdsm_backup.cli:run" in f.read()


def test_result_on_stdout_errors_on_stderr(host):
    host.domain(sd_id=A, name="data1")
    done = host.process("list")
    assert done.out.splitlines()[1].startswith(f"{A}  data1  file")
    assert (done.code, done.err) == (0, "")
    done = host.process("show", "nobody")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("vdsm-backup-domain: error 956: ")
    assert host.process("show").code == 2


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_locale_that_cannot_show_a_name(host, locale):
    host.domain(name="\u4e2d\u6587 \U0001f4be")
    done = host.process(
        "list",
        env={"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert (done.code, done.err) == (0, "")


def test_argument_that_is_no_text(host):
    command = [os.fsencode(arg) for arg in host.command("show", "--json")]
    done = subprocess.run(
        [*command, b"\xff\x1b[2J"], cwd=commandline.ROOT, capture_output=True
    )
    assert json.loads(done.stdout)["error"]["code"] == 956
    assert done.stdout.isascii() and b"\x1b" not in done.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_files_that_are_closed(host, closed):
    """What we open must not end up as somebody's stdout."""
    host.domain()
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}; echo "exit $?"', "sh"]
        + host.command("list"),
        cwd=commandline.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("exit 0\n")
    assert done.stderr == ""


def test_reader_that_has_enough(host):
    for _ in range(3):
        host.domain()
    with host.start("list") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_full_disk(host):
    host.domain()
    with open("/dev/full", "w") as full:
        with host.start("list", stdout=full) as process:
            _, err = process.communicate()
    assert err == (
        "vdsm-backup-domain: cannot print the result: No space left on"
        " device\n"
    )
    assert process.returncode == 1


@pytest.mark.parametrize("columns", [80, 100])
def test_terminal(host, columns):
    """As wide as the terminal, and plain: no colours, nothing that moves."""
    flag = {"BACKUP": "True", "BACKUP_REASON": "copies of it " * 30}
    host.domain(sd_id=A, name="n" * 100, **flag)
    host.domain(sd_id=B, name=EVIL, MINE="x" * 200)
    for args in (["list"], ["show", A], ["show", B], ["verify"]):
        code, out = on_terminal(host, columns, *args)
        assert code == 0
        assert commandline.hidden(out) == []
        widths = [layout.columns(line) for line in out.splitlines()]
        assert max(widths) <= columns


def on_terminal(host, columns, *args):
    ours, theirs = pty.openpty()
    size = struct.pack("HHHH", 24, columns, 0, 0)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    with host.start(*args, stdout=theirs) as process:
        os.close(theirs)
        out = b""
        while True:
            try:
                out += os.read(ours, 4096)
            except OSError as e:
                # Nobody has the other side any more.
                assert e.errno == errno.EIO
                break
        process.communicate()
    os.close(ours)
    return process.returncode, out.decode().replace("\r\n", "\n")


def test_texts_from_storage(host):
    """Harmless where they are shown, whole in JSON."""
    flag = {"BACKUP": "True", "BACKUP_REASON": EVIL, "BACKUP_BY": EVIL}
    host.domain(sd_id=A, name=EVIL, **flag)
    for args in (["list"], ["show", A], ["verify", A], ["show", EVIL]):
        done = host.process(*args)
        assert commandline.hidden(done.out + done.err) == []
        assert r"a\x1b[2Jb\u202ec" in done.out
    (row,) = host.process("list", "--json").json["domains"]
    assert (row["name"], row["reason"], row["by"]) == (EVIL, EVIL, EVIL)


def test_nothing_holds_up_the_end(host):
    """Here a thread, as one may wait for a child that is stuck."""
    code = (
        "import sys, threading, time; from vdsm_backup import cli;"
        "threading.Thread(target=time.sleep, args=[60]).start();"
        "sys.argv[1:] = ['explain', '956']; cli.run()"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=commandline.ROOT,
        capture_output=True,
        text=True,
    )
    assert time.monotonic() - started < 30
    assert done.stdout.startswith("Error 956")
    assert done.returncode == 0


# Storage that hangs or fails


@needs_fuse
class TestHungMount:
    @pytest.fixture
    def fs(self, directory, backend):
        with commandline.Host(
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
        started = time.monotonic()
        with self.host.start("list") as process:
            process.stdout.readline()
            row = process.stdout.readline()
            first = time.monotonic() - started
            out, err = process.communicate()
        ended = time.monotonic() - started
        assert row.startswith(f"{A}  good ")
        assert first < IO_TIMEOUT
        assert IO_TIMEOUT <= ended < IO_TIMEOUT + SLACK
        assert out.splitlines() == [
            f"{'-':36}  -     file  -  -         ?",
            f"    {self.hung}",
            f"    error 962: {self.hung} did not answer within {IO_TIMEOUT}"
            " seconds",
        ]
        assert (process.returncode, err) == (3, "")

    @pytest.mark.parametrize("op", ["readdir", "read", "open", "getattr"])
    def test_list_into_a_pipe_ends(self, fs, op):
        """Although a child is stuck, and has what it inherited."""
        fs.hang(op, "" if op == "readdir" else "metadata")
        command = self.host.command("list", "--json")
        started = time.monotonic()
        done = subprocess.run(
            ["sh", "-c", '{ "$@"; echo "$?" >&2; } | cat', "sh", *command],
            cwd=commandline.ROOT,
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
        assert "hung:_x could not be looked at: " in done.out

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
    monkeypatch.setattr(lease, "take", commandline.free_lease)
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
        with commandline.Host(path, IO_TIMEOUT, user=36, group=36) as host:
            yield host

    def test_what_the_user_may_read(self, squashed):
        squashed.domain(sd_id=A, owner=OWNER)
        dom_md = os.path.join(squashed.mount, A, "dom_md")
        os.chmod(dom_md, 0o700)
        assert squashed.process("list").code == 0

    def test_code_that_the_user_cannot_read(self, squashed, directory):
        closed = os.path.join(directory, "closed")
        shutil.copytree(
            os.path.join(commandline.ROOT, "vdsm_backup"),
            os.path.join(closed, "vdsm_backup"),
        )
        os.chmod(closed, 0o700)
        process = squashed.start("list", cwd=closed)
        _, err = process.communicate()
        assert process.returncode == 1
        assert "error 987: " in err and "user 36 cannot read" in err

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


# All commands on a real lease


@pytest.fixture(scope="module")
def sanlock():
    with sanlockd.Host("host1") as host:
        yield host


class Leased:
    """A host whose domains have leases."""

    def __init__(self, host, sanlock):
        self.host = host
        self.sanlock = sanlock

    def domain(self, **values):
        sd_id = self.host.domain(owner=OWNER, **values)
        dom_md = os.path.join(self.host.mount, sd_id, "dom_md")
        paths = [os.path.join(dom_md, name) for name in ("ids", "leases")]
        sanlockd.initialize(self.sanlock, sd_id, *paths)
        return sd_id

    def process(self, *args):
        return self.host.process(*args, env=self.sanlock.env)

    def start(self, *args):
        env = {**os.environ, **self.sanlock.env}
        return self.host.start(*args, env=env)

    def joined(self, sd_id):
        spaces = self.sanlock.call(
            "say([s['lockspace'].decode() for s in sanlock.get_lockspaces()])"
        )
        return sd_id in spaces

    def record(self, sd_id):
        return os.path.join(self.host.run_dir, f"{sd_id}.json")


@pytest.fixture
def leased(directory, sanlock):
    path = os.path.join(directory, "host")
    user, group = OWNER
    with commandline.Host(path, user=user, group=group, settle=3) as host:
        yield Leased(host, sanlock)


@needs_sanlock
def test_all_commands(leased):
    """The main job, and the schema of docs/json.md."""
    host = leased.host
    leased.domain(sd_id=A, name="data1")
    before = host.bytes(A)

    done = leased.process("set", "data1", *WHY, "--json")
    change = {"schema", "domain", "changed", "dry_run", "notes"}
    assert set(done.json) == change
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
    assert set(done.json) == {"schema", "domains"}
    (row,) = done.json["domains"]
    assert set(row) == commandline.VERIFIED
    assert row["ok"] is True

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
    assert set(done.json) == change
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
        wait_until(lambda: leased.host.kept(), 30)
        second = leased.process("clear", A, *WHY, "--timeout", "1", "--json")
        assert (second.error, second.code) == (976, 4)
        first.communicate()
    assert first.returncode == 0
    values = fmt.parse(fmt.decode_file(leased.host.bytes(A), A)).values
    assert values["BACKUP"] == "True"


@needs_sanlock
def test_interrupted(leased):
    leased.domain(sd_id=A)
    before = leased.host.bytes(A)
    with leased.start("set", A, *WHY) as process:
        wait_until(lambda: os.path.exists(leased.record(A)), 30)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert err.startswith("vdsm-backup-domain: error 991: Interrupted\n")
    assert process.returncode == 1
    assert leased.host.bytes(A) == before
    wait_until(lambda: not os.path.exists(leased.record(A)), 30)
    assert not leased.joined(A)


@needs_sanlock
def test_killed_run_is_tidied_by_a_run_that_changes_nothing(leased):
    leased.domain(sd_id=A)
    with leased.start("clear", A, *WHY) as process:
        wait_until(lambda: leased.joined(A), 30)
        process.kill()
        os.kill(holder(leased, A), signal.SIGKILL)
        process.communicate()
    assert leased.joined(A)
    filedomain.put(
        leased.host.mount,
        A,
        fmt.flush(filedomain.metadata(A, CLASS="Data", BACKUP="maybe")),
    )
    # Refused, and says what could not be tidied.
    done = leased.process("clear", A, *WHY)
    assert "error 966: " in done.err
    assert "note: a killed run may have left the lockspace" in done.err
    filedomain.put(
        leased.host.mount,
        A,
        fmt.flush(
            filedomain.metadata(A, BACKUP="False", BACKUP_REASON=WHY[1])
        ),
    )
    done = leased.process("clear", A, *WHY)
    assert done.out.startswith("Nothing to change: ")
    assert done.code == 0
    assert not leased.joined(A)
    assert not os.path.exists(leased.record(A))


def holder(leased, sd_id):
    with open(os.path.join(leased.host.run_dir, f"{sd_id}.lock")) as f:
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

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The tool, with real sanlock, each of its processes killed before each step of
the write. Afterwards the domain has the old or the new metadata, sealed, and
the next command of a user just works and leaves no lockspace joined.
"""

import contextlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import rundir
from tests.support.hooks.needs import needs_sanlock
from tests.support.lease import sanlockd
from tests.support.processes import proc
from tests.support.storage import filedomain, loop
from tests.support.storage.backends import MISSING, ROOT, wait_until
from tests.support.storage.blockdomain import BlockDomain
from vdsm_backup import config
from vdsm_backup.cli import readings
from vdsm_backup.storage import discovery

CONF = """\
[storage]
repo_root = {directory}/repo
user = {uid}
group = {gid}
io_timeout = 10
ioprocess = {backend}
[lvm]
devices = {devices}
lv_dir = {lv_dir}
[sanlock]
run_dir = {directory}/run
timeout = 60
settle = 0
[history]
dir = {directory}/history
[vdsm]
host = 127.0.0.1
port = 1
"""
STEPS = ["compare", "create", "write", "check", "commit", "confirm"]
# The writer does not wait at "confirm": it has ended, or is about to.
BEFORE_COMMIT = STEPS[:-1]
BACKENDS = ["embedded"] if MISSING else ["embedded", "installed"]

pytestmark = [
    pytest.mark.slow,
    needs_sanlock,
]


@pytest.fixture(scope="module")
def host():
    with sanlockd.Host("host1") as host:
        yield host


class Place:
    """A domain, and the configuration of a host that sees only it."""

    def __init__(self, host, backend="embedded"):
        self.host = host
        self.env = {**os.environ, **host.env}
        self.directory = rundir.make("kill")
        # The reason on storage.
        self.before = ""
        self.conf = os.path.join(self.directory, "conf")
        self._make()
        with open(self.conf, "w") as f:
            f.write(
                CONF.format(
                    directory=self.directory,
                    uid=os.getuid(),
                    gid=os.getgid(),
                    backend=backend,
                    devices=",".join(self.devices),
                    lv_dir=self.lv_dir,
                )
            )
        sanlockd.initialize(host, self.sd_id, self.ids, self.leases)
        self.sdm = [self.sd_id, self.leases, sanlockd.MIB]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        loop.clean_stale(self.directory)
        rundir.remove(self.directory)

    def _make(self):
        mount = os.path.join(self.directory, "repo", "mnt", "server:_data")
        os.makedirs(mount)
        self.sd_id = filedomain.make(mount)
        dom_md = os.path.join(mount, self.sd_id, "dom_md")
        self.ids = os.path.join(dom_md, "ids")
        self.leases = os.path.join(dom_md, "leases")
        self.devices, self.lv_dir = ["/dev/null"], "/dev"

    def victim(self, *args):
        """What the tool said; it may have been killed."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.processes.victim"]
            + [self.conf, self.sd_id, "of the victim", *args],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    def command(self, *args):
        return subprocess.run(
            [sys.executable, "-m", "vdsm_backup", "--config", self.conf]
            + list(args),
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
        )

    def reading(self):
        options = config.load(self.conf)
        storage, _ = discovery.Discovery(options).find(self.sd_id)
        return readings.read(storage)

    def check(self):
        """Old or new, whole; and the next command goes through."""
        reading = self.reading()
        assert reading.problems == []
        assert reading.flag.reason in (self.before, "of the victim")
        done = self.command("set", self.sd_id, "--reason", "of the next")
        assert done.returncode == 0, done.stderr
        assert self.reading().flag.reason == "of the next"
        self.before = "of the next"
        assert self.host.joined(self) is None
        # No record of something left behind.
        kept = os.listdir(os.path.join(self.directory, "run"))
        assert f"{self.sd_id}.lock" in kept
        assert [name for name in kept if not name.endswith(".lock")] == []
        return reading.flag.reason


class BlockPlace(Place):
    def _make(self):
        system_dir = loop.lvm_system_dir(self.directory)
        os.environ["LVM_SYSTEM_DIR"] = system_dir
        self.env["LVM_SYSTEM_DIR"] = system_dir
        self.env["LVM_SUPPRESS_FD_WARNINGS"] = "1"
        domain = BlockDomain(self.directory)
        os.makedirs(os.path.join(self.directory, "repo", "mnt"))
        self.sd_id = domain.sd_id
        self.ids = domain.lv_path("ids")
        self.leases = domain.lv_path("leases")
        self.devices, self.lv_dir = domain.devices, domain.lv_dir


def kill_at_each(host, backend, target, steps):
    def play(step):
        with Place(host, backend) as place:
            said = place.victim(target, step)
            return step, said, place.check()

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(play, steps))
    print(results)
    return results


@pytest.mark.parametrize("backend", BACKENDS)
def test_tool(host, backend):
    for step, said, reason in kill_at_each(host, backend, "tool", STEPS):
        assert said == ""
        # The word to commit was not given before "confirm".
        expected = "of the victim" if step == "confirm" else ""
        assert reason == expected, step


@pytest.mark.parametrize("backend", BACKENDS)
def test_holder(host, backend):
    for step, said, reason in kill_at_each(host, backend, "holder", STEPS):
        if step == "confirm":
            assert (said, reason) == ("hit\nchanged\n", "of the victim")
        else:
            assert said.startswith("hit\nLeaseLost"), step
            assert reason == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_writer(host, backend):
    results = kill_at_each(host, backend, "writer", BEFORE_COMMIT)
    for step, said, reason in results:
        assert said.startswith(("hit\nWriteFailed", "hit\nOutcomeUnknown"))
        assert reason == "", step


@pytest.mark.parametrize("backend", BACKENDS)
def test_worker(host, backend):
    results = kill_at_each(host, backend, "worker", BEFORE_COMMIT[1:])
    for step, said, reason in results:
        if step == "commit":
            # Nobody is left to ask, or ioprocess did it after all.
            known = ("hit\nOutcomeUnknown", "hit\nchanged")
            assert said.startswith(known), said
            continue
        assert said.startswith("hit\nWriteFailed"), said
        assert reason == "", step


needs_block = pytest.mark.skipif(bool(loop.missing()), reason=loop.missing())


@needs_block
@pytest.mark.parametrize(
    "target, step",
    [
        ("tool", "compare"),
        ("tool", "commit"),
        ("tool", "confirm"),
        ("holder", "commit"),
        ("writer", "commit"),
        ("lvm", "commit"),
    ],
)
def test_block(host, monkeypatch, target, step):
    monkeypatch.setenv("LVM_SYSTEM_DIR", "")
    with BlockPlace(host) as place:
        # On a busy machine vgchange may have ended before it is met.
        for _ in range(20):
            said = place.victim(target, step)
            place.check()
            if said.startswith("hit") or target == "tool":
                return
        pytest.fail(f"{target} was never met: {said}")


def stopped_in_the_middle(place, stack):
    """
    A tool, and its vgchange that is stopped; on a busy machine that may have
    ended before it is met.
    """
    for _ in range(20):
        tool = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.processes.victim",
                place.conf,
            ]
            + [place.sd_id, "of the victim", "lvm", "commit"]
            + [str(int(signal.SIGSTOP))],
            cwd=ROOT,
            env=place.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(tool.wait)
        stack.callback(tool.kill)
        if tool.stdout.readline() == "hit\n":
            lvm = proc.find(tool.pid, "vgchange")
            stack.callback(proc.kill, lvm)
            if any(map(proc.alive, lvm)):
                return tool, lvm
        tool.wait()
        place.check()
    pytest.fail("vgchange was never met")


@needs_block
@pytest.mark.parametrize("dies", ["tool", "holder", "writer"])
def test_no_second_vgchange_beside_one_of_ours(host, monkeypatch, dies):
    """
    Ours is stopped in the middle, and one of its processes is killed: nobody
    gets the lease until it has ended.
    """
    monkeypatch.setenv("LVM_SYSTEM_DIR", "")
    with BlockPlace(host) as place, contextlib.ExitStack() as stack:
        tool, lvm = stopped_in_the_middle(place, stack)
        victims = {
            "tool": [tool.pid],
            "holder": proc.find(tool.pid, "vdsm_backup.lease.holder"),
            "writer": proc.find(tool.pid, "vdsm_backup.change.writer"),
        }
        proc.kill(victims[dies])
        done = place.command(
            *["set", place.sd_id, "--reason", "too early", "--timeout", "8"]
        )
        # Where ours was stopped with lvm's own lock of the VG, even to read
        # it waits.
        codes = {4: "error 976", 1: "error 962"}
        assert codes[done.returncode] in done.stderr
        assert host.acquire(place) != 0
        proc.kill(lvm, signal.SIGCONT)
        wait_until(lambda: not any(map(proc.command, lvm)), 20)
        place.check()

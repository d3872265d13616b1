# SPDX-License-Identifier: GPL-2.0-or-later
"""
The tool, with real sanlock, each of its processes killed before each step of
the write. Afterwards the domain has the old or the new metadata, sealed, and
the next command of a user just works and leaves no lockspace joined.
"""

import contextlib
import os
import signal

import pytest

from tests.support import rundir, testhost
from tests.support.hooks.needs import needs_sanlock, slow_to_join
from tests.support.lease import sanlockd
from tests.support.processes import proc, warm
from tests.support.storage import filedomain, loop
from tests.support.storage.backends import MISSING
from tests.support.storage.blockdomain import BlockDomain
from tests.support.storage.blocktools import needs_block
from tests.support.storage.filewriting import (
    BEFORE_CONFIRM,
    STEPS,
    flagged_lines,
)
from tests.support.waiting import wait_until
from vdsm_backup import config
from vdsm_backup.cli import readings
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import discovery

BACKENDS = ["embedded"] if MISSING else ["embedded", "installed"]

pytestmark = [
    slow_to_join,
    needs_sanlock,
]


@pytest.fixture(scope="module")
def host():
    with sanlockd.Host("host1") as host:
        yield host


class Place(testhost.Host):
    """A host that sees one domain, with a file system or on LVM."""

    def __init__(self, sanlock, backend="embedded", block=False):
        self.directory = rundir.make("kill")
        # The reason on storage.
        self.before = ""
        sees = {"devices": "/dev/null"}
        if block:
            os.environ["LVM_SYSTEM_DIR"] = loop.lvm_system_dir(self.directory)
            self.block = [BlockDomain(self.directory)]
            sees = {"block": self.block}
        super().__init__(
            os.path.join(self.directory, "host"),
            sanlock=sanlock,
            ioprocess=backend,
            timeout=60,
            **sees,
        )
        if block:
            self.leases = self.block[0].initialize(sanlock)
        else:
            self.leases = self.initialize(self.domain())
        self.sd_id = self.leases.sd_id

    def close(self):
        super().close()
        loop.clean_stale(self.directory)
        rundir.remove(self.directory)

    def victim(self, *args):
        """The tool, of which something is hit; its words say so."""
        return self.start(
            *(self.config, self.sd_id, "of the victim", *args),
            module="tests.support.processes.victim",
            stderr=None,
        )

    def reading(self):
        options = config.load(self.config)
        with warm.children():
            storage, _ = discovery.Discovery(options).find(self.sd_id)
            return readings.read(storage)

    def check(self):
        """Old or new, whole; and the next command goes through."""
        reading = self.reading()
        assert reading.problems == []
        assert reading.flag.reason in (self.before, "of the victim")
        args = [self.sd_id, "--reason", "of the next", "--replace"]
        done = self.process("set", *args)
        assert done.code == 0, done.err
        assert self.reading().flag.reason == "of the next"
        self.before = "of the next"
        assert self.sanlock.joined(self) is None
        # No record of something left behind.
        assert f"{self.sd_id}.lock" in os.listdir(self.run_dir)
        assert left_behind(self) == []
        return reading.flag.reason


@pytest.fixture(params=BACKENDS)
def place(request, host):
    with Place(host, request.param) as place:
        yield place


def left_behind(place):
    """Records of something that this host is still in."""
    kept = os.listdir(place.run_dir)
    return [name for name in kept if not name.endswith(".lock")]


def is_resealed(place, target, step, lines):
    """
    Whether the checksum of a flagged domain is there when the target was hit.
    In any case the domain stays refused, and the next run makes it whole.
    """
    kill = str(int(signal.SIGKILL))
    place.victim(target, step, kill, "reseal").communicate()
    # Before anything else is run.
    assert sorted(place.reading().lines)[: len(lines) - 1] == lines[:-1]
    done = place.process("check", place.sd_id, "--operation", "run")
    assert (done.code, "error 994" in done.out) == (4, True)
    seal = place.reading().md.seal
    done = place.process("reseal", place.sd_id, "--reason", "again")
    assert done.code == 0, done.err
    assert list(place.reading().lines) == lines
    # It has left what the other run had left, unless that still did so.
    wait_until(lambda: not left_behind(place))
    assert place.sanlock.joined(place) is None
    return {"valid": True, "missing": False}[seal]


@pytest.fixture
def embedded_place(host):
    with Place(host) as place:
        yield place


@pytest.mark.parametrize(
    "target, step, is_there",
    [
        *[("tool", step, step == "confirm") for step in STEPS],
        *[("holder", step, step == "confirm") for step in STEPS],
        *[("writer", step, False) for step in BEFORE_CONFIRM],
        *[("worker", step, False) for step in BEFORE_CONFIRM[1:-1]],
    ],
)
def test_reseal(embedded_place, target, step, is_there):
    place = embedded_place
    lines = flagged_lines(place.sd_id, "why")
    filedomain.put(place.mount, place.sd_id, lines[:-1])
    assert is_resealed(place, target, step, lines) is is_there
    left = os.listdir(os.path.join(place.mount, place.sd_id, "dom_md"))
    assert [name for name in left if name.startswith("metadata.new")] == []


def killed(place, target, step):
    """What the tool said of it, and the reason that is on storage then."""
    said, _ = place.victim(target, step).communicate()
    return said, place.check()


@pytest.mark.parametrize("step", STEPS)
def test_tool(place, step):
    said, reason = killed(place, "tool", step)
    assert said == ""
    # The word to commit was not given before "confirm".
    assert reason == ("of the victim" if step == "confirm" else "")


@pytest.mark.parametrize("step", STEPS)
def test_holder(place, step):
    said, reason = killed(place, "holder", step)
    if step == "confirm":
        assert (said, reason) == ("hit\nchanged\n", "of the victim")
    else:
        assert said.startswith("hit\nLeaseLost")
        assert reason == ""


@pytest.mark.parametrize("step", STEPS)
def test_fork_server(place, step):
    """Who is there goes on, and ends as ever."""
    said, reason = killed(place, "fork server", step)
    assert (said, reason) == ("hit\nchanged\n", "of the victim")


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_writer(place, step):
    said, reason = killed(place, "writer", step)
    assert said.startswith(("hit\nWriteFailed", "hit\nOutcomeUnknown"))
    assert reason == ""


@pytest.mark.parametrize("step", BEFORE_CONFIRM[1:])
def test_worker(place, step):
    said, reason = killed(place, "worker", step)
    assert said.startswith("hit\nWriteFailed"), said
    assert reason == ""


@pytest.fixture
def block_place(host, monkeypatch):
    monkeypatch.setenv("LVM_SYSTEM_DIR", "")
    monkeypatch.setenv("LVM_SUPPRESS_FD_WARNINGS", "1")
    with Place(host, block=True) as place:
        yield place


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
def test_block(block_place, target, step):
    # On a busy machine vgchange may have ended before it is met.
    for _ in range(20):
        said, _ = block_place.victim(target, step).communicate()
        block_place.check()
        if said.startswith("hit") or target == "tool":
            return
    pytest.fail(f"{target} was never met: {said}")


@needs_block
@pytest.mark.parametrize("step", ["compare", "commit", "confirm"])
def test_block_reseal(block_place, step):
    place = block_place
    (domain,) = place.block
    lines = sorted(md_lines.flush({**domain.values, "BACKUP": "True"}))
    domain.change_tags(
        add=["MDT_BACKUP=True"],
        delete=[x for x in domain.tags() if md_lines.SEAL in x],
    )
    seal = is_resealed(place, "tool", step, lines)
    # The word to commit was not given before "confirm".
    assert seal is (step == "confirm")


def stopped_in_the_middle(place, stack):
    """
    A tool, and its vgchange that is stopped; on a busy machine that may have
    ended before it is met.
    """
    # The writer of this tool kills a vgchange that takes longer; what runs
    # beside it waits less long.
    place.configure(io_timeout=200)
    stack.callback(place.configure, io_timeout=10)
    for _ in range(20):
        tool = place.victim("lvm", "commit", int(signal.SIGSTOP))
        stack.callback(tool.wait)
        stack.callback(tool.kill)
        if tool.stdout.readline() == "hit\n":
            lvm = proc.find(tool.pid, "vgchange")
            stack.callback(proc.kill, lvm)
            if any(map(proc.alive, lvm)):
                place.configure(io_timeout=10)
                return tool, lvm
        tool.wait()
        place.check()
    pytest.fail("vgchange was never met")


@needs_block
@pytest.mark.parametrize("dies", ["tool", "holder", "writer"])
def test_no_second_vgchange_beside_one_of_ours(host, block_place, dies):
    """
    Ours is stopped in the middle, and one of its processes is killed: nobody
    gets the lease until it has ended.
    """
    place = block_place
    with contextlib.ExitStack() as stack:
        tool, lvm = stopped_in_the_middle(place, stack)
        victims = {
            "tool": [tool.pid],
            "holder": proc.find(tool.pid, "vdsm_backup.lease.holder"),
            "writer": proc.find(tool.pid, "vdsm_backup.change.writer"),
        }
        proc.kill(victims[dies])
        # Ours may have been stopped when its flag was on storage already.
        done = place.process(
            *["set", place.sd_id, "--reason", "too early", "--replace"],
            *["--timeout", "8"],
        )
        # Where ours was stopped with lvm's own lock of the VG, even to read
        # it waits.
        codes = {4: "error 976", 1: "error 962"}
        assert codes[done.code] in done.err
        assert host.acquire(place.leases) != 0
        proc.kill(lvm, signal.SIGCONT)
        wait_until(lambda: not any(map(proc.command, lvm)))
        place.check()

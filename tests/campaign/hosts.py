# SPDX-License-Identifier: GPL-2.0-or-later
"""What cases run on: storage, hosts, daemons; made once for many cases."""

import contextlib
import ctypes
import os
import signal

from tests.campaign import domains
from tests.campaign.faults import WORDS
from tests.campaign.judge import answer
from tests.campaign.tool import Lease
from tests.support import rundir, testhost
from tests.support.closing import Closing
from tests.support.lease import sanlockd
from tests.support.processes import proc
from tests.support.storage import backends, hangfs, loop
from tests.support.storage.blockdomain import BlockDomain

# Those that need a mount that fails and hangs.
ON_MOUNT = ("fail", "hang", "late")

_PR_SET_CHILD_SUBREAPER = 36

# Seconds: a host that stands still is given up by the others after 76.
EXPIRY = 200

# Seconds for one command: sanlock joins and leaves, or gives up a host.
PATIENCE = {"held": 60, "tool": 150, "hosts": EXPIRY + 100}


def adopt_orphans():
    """Processes whose parent was killed become children of this one."""
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("prctl")


class Place(Closing):
    """
    For cases of one part. What is not needed is not made; and it is made
    once, since a case puts its own metadata there.
    """

    def __init__(self, part):
        self._stack = contextlib.ExitStack()
        self._part = part
        self._domains = {}
        self._hosts = {}
        self._baseline = set()
        self.patience = PATIENCE[part]
        self.fs = None
        self.sanlock = None
        self._two = None
        self._seen_by_two = {}
        self._dir = rundir.make("campaign")
        self._stack.callback(rundir.remove, self._dir)
        self._stack.callback(loop.clean_stale, self._dir)
        os.environ["LVM_SUPPRESS_FD_WARNINGS"] = "1"
        os.environ["LVM_SYSTEM_DIR"] = loop.lvm_system_dir(self._dir)
        self._elsewhere = loop.lvm_system_dir(self._dir, "lvm2")
        if part != "held":
            self.sanlock = self._stack.enter_context(sanlockd.Host("host1"))
            os.environ.update(self.sanlock.env)

    def close(self):
        self._stack.close()

    def _mount(self):
        if not self.fs:
            self.fs = self._stack.enter_context(hangfs.Hangfs())
        return self.fs

    # For a case

    def domain(self, plan):
        key = (_storage(plan), plan.joined)
        if key not in self._domains:
            make = {
                "file": self._make_file,
                "block": self._make_block,
                "device": self._make_on_device,
            }
            domain, initialize = make[key[0]]()
            self._domains[key] = domain
            if self.sanlock:
                initialize(self.sanlock)
        return self._domains[key]

    def begin(self):
        """All that runs now is none of a case."""
        self._baseline = set(proc.children(os.getpid()))

    def _make_file(self):
        domain = domains.OnFiles(self._mount().root)
        leases = sanlockd.Leases(domain.sd_id, domain.dom_md)
        return domain, leases.initialize

    def _make_block(self):
        return self._on_lvm(BlockDomain(self._dir))

    def _make_on_device(self):
        """On devices that fail and hang."""
        directory = os.path.join(self._mount().mount, "block")
        made = BlockDomain(directory, direct=True)
        # Before their file system ends.
        self._stack.callback(made.close)
        return self._on_lvm(made)

    def _on_lvm(self, made):
        domain = domains.OnLvm(made, self._elsewhere)
        domain.made = made
        return domain, made.initialize

    def host(self, plan):
        kind = _storage(plan)
        if kind == "file":
            # sanlock has one path of a lockspace, whatever the faults.
            kind = "mount" if _faulty(plan) or self.sanlock else "root"
        key = (kind, plan.joined)
        if key not in self._hosts:
            name = "-".join(map(str, key))
            host = self._make_host(name, kind, plan, self.sanlock)
            self._hosts[key] = host
            if plan.joined:
                domain = self.domain(plan)
                self.sanlock.join(domain, 1, self._ids(host, domain))
        return self._hosts[key]

    def _ids(self, host, domain):
        """As the product finds them."""
        if domain.kind == "block":
            return domain.made.lv_path("ids")
        directory = os.path.join(host.repo, "mnt", "_data", domain.sd_id)
        return os.path.join(directory, "dom_md", "ids")

    def _make_host(self, name, kind, plan, sanlock):
        sees = {"devices": "/dev/null"}
        if plan.kind == "block":
            sees = {"block": [self.domain(plan).made]}
        host = testhost.Host(
            os.path.join(self._dir, name), sanlock=sanlock, **sees
        )
        self._stack.callback(host.close)
        os.rmdir(host.mount)
        if plan.kind == "file":
            fs = self._mount()
            host.add_mount("_data", getattr(fs, kind))
        return host

    def change_on_two(self, plan, timeout):
        """
        The command on another host, which has a sanlock of its own: the lines
        before and after, and its Answer.
        """
        domain = self.domain(plan)
        before = domain.lines()
        action = "clear" if domains.is_flagged(before) else "set"
        done = self._host_two(plan).process(
            *("--json", action, domain.sd_id, "--reason", "of host2"),
            *("--timeout", str(timeout)),
            env={"LVM_SYSTEM_DIR": self._elsewhere},
        )
        said = answer(done.code, done.out + done.err)
        return before, domain.lines(), said

    def _host_two(self, plan):
        if not self._two:
            self._two = self._stack.enter_context(sanlockd.Host("host2"))
        key = (plan.kind, plan.joined)
        if key not in self._seen_by_two:
            kind = "block" if plan.kind == "block" else "root"
            name = f"two-{kind}-{plan.joined}"
            self._seen_by_two[key] = self._make_host(
                name, kind, plan, self._two
            )
        return self._seen_by_two[key]

    def backend(self, plan):
        """The one that is drawn, where it is there."""
        return "embedded" if backends.MISSING else plan.backend

    def lease(self):
        return Lease() if self._part == "held" else None

    def others(self):
        """Pids of processes that are none of a case."""
        # One that was started again is not among those of the beginning.
        names = "sanlock daemon", sanlockd.CALLER
        daemons = [
            pid
            for pid in proc.children(os.getpid())
            if any(name in proc.command(pid) for name in names)
        ]
        return self._baseline.union(daemons)

    def thaw(self):
        """Nothing was frozen."""

    def left(self, plan):
        host, sd_id = self.host(plan), self.domain(plan).sd_id
        left = []
        if os.path.isdir(host.run_dir):
            names = os.listdir(host.run_dir)
            left += [n for n in names if not n.endswith(".lock")]
        if self.sanlock:
            joined = self.sanlock.call("lockspaces").get(sd_id)
            if joined != (1 if plan.joined else None):
                left.append(f"the lockspace is joined as {joined}")
        return left


class Hosts(Place):
    """For cases in which a whole host stands still, or its sanlock ends."""

    def __init__(self):
        super().__init__("hosts")
        self._frozen = set()

    def freeze(self, plan, tool, pids):
        """
        This host stands still until its lease has expired and the other host
        has changed the flag: the lines before and after, and its Answer. Then
        all goes on but who would tell of the lost lease, until thaw().
        """
        holders = {pid for pid in pids if _is(pid, "holder")}
        self._frozen = {tool, *pids}
        self.sanlock.freeze(self._frozen)
        try:
            return self.change_on_two(plan, EXPIRY)
        finally:
            proc.kill(self._frozen - holders, signal.SIGCONT)

    def thaw(self):
        self.sanlock.thaw(self._frozen)
        self._frozen = set()


def _faulty(plan):
    return any(fault.what in ON_MOUNT for fault in plan.faults)


def _storage(plan):
    """Cases with the same answer share a domain."""
    if plan.kind == "block" and _faulty(plan):
        return "device"
    return plan.kind


def _is(pid, what):
    return any(word in proc.command(pid) for word in WORDS[what])


def make(part):
    return Hosts() if part == "hosts" else Place(part)

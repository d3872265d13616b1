# SPDX-License-Identifier: GPL-2.0-or-later
"""The faults of a case, made when their steps come."""

import contextlib
import signal
import time

from tests.campaign import domains
from tests.campaign.judge import DONE, NOTHING, UNKNOWN, Answer, Write, flag_of
from tests.campaign.plan import OF_DIRECTORY
from tests.support.processes import proc
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.metadata import lines as md_lines

WORDS = {
    "holder": ("vdsm_backup.lease.holder",),
    "writer": ("vdsm_backup.change.writer",),
    "worker": ("vdsm_backup.fileio.worker", "libexec/ioprocess"),
    "lvm": ("/usr/sbin/lvm",),
}

# Seconds for a process to be met, after the step.
MEETING = 1.5

# Seconds that another host waits for the lease.
SECOND = 6

# Seconds that the tool stands still, where nothing ends before it.
STILL = 2.5


class Faults:
    """
    pid: of the tool. ours(): pids of all processes of the change. lease: the
        stand-in, if it has one.
    writes: what others have written. met: the faults that were made.
    """

    def __init__(self, plan, place, domain, pid, ours, lease):
        self._plan = plan
        self._place = place
        self._domain = domain
        self._pid = pid
        self._ours = ours
        self._lease = lease
        self._due = []
        self._stopped = set()
        self._rest = list(plan.faults)
        self.writes = []
        self.met = []
        self.lost = False

    def at(self, step):
        """Make those of this step, and let the others come later."""
        for fault in [f for f in self._rest if f.at == step]:
            self._rest.remove(fault)
            if fault.after or fault.target == "lvm":
                self._later(fault.after, lambda f=fault: self._begin(f, True))
            else:
                self._begin(fault, False)

    def wait(self):
        """Seconds until something is due, or None."""
        if not self._due:
            return None
        return max(0.001, min(at for at, _ in self._due) - time.monotonic())

    def run_due(self):
        now = time.monotonic()
        due = [one for one in self._due if one[0] <= now]
        self._due = [one for one in self._due if one[0] > now]
        for _, action in sorted(due, key=lambda one: one[0]):
            action()

    def end(self):
        """The tool has ended: nothing hangs or fails any more."""
        self._due, self._rest = [], []
        self._go_on(set(self._stopped))
        self._place.thaw()
        if self._place.fs:
            late = [f for f in self._plan.faults if f.what == "late"]
            for op in self._place.fs.orders():
                if op == "rename" and late and late[0].lasts is None:
                    continue
                self._place.fs.clear(op)

    def _later(self, seconds, action):
        self._due.append((time.monotonic() + seconds, action))

    def _begin(self, fault, racing):
        getattr(self, f"_{fault.what}")(fault, racing)

    # Signals

    def _signal(self, fault, racing, until=None):
        until = until or time.monotonic() + MEETING
        pids = self._pids(fault.target)
        if not pids:
            if racing and time.monotonic() < until:
                self._later(0.003, lambda: self._signal(fault, True, until))
            return
        proc.kill(pids, getattr(signal, f"SIG{fault.how}"))
        self.met.append(fault)
        if fault.how == "STOP":
            self._stopped |= set(pids)
            lasts = fault.lasts
            if lasts is None and fault.target in ("tool", "holder"):
                lasts = STILL
            if lasts is not None:
                self._later(lasts, lambda: self._go_on(pids))
        elif fault.how == "KILL" and not racing:
            with contextlib.suppress(AssertionError):
                wait_until(lambda: not any(map(proc.alive, pids)), 1)

    def _pids(self, target):
        if target == "tool":
            return [self._pid] if proc.alive(self._pid) else []
        words = WORDS[target]
        return [
            pid
            for pid in self._ours()
            if any(word in proc.command(pid) for word in words)
        ]

    def _go_on(self, pids):
        proc.kill(list(pids), signal.SIGCONT)
        self._stopped -= set(pids)

    # Storage

    def _fail(self, fault, racing):
        self._order(
            fault, lambda fs, op, name: fs.fail(op, fault.errno(), name)
        )

    def _hang(self, fault, racing):
        self._order(fault, lambda fs, op, name: fs.hang(op, name))

    def _order(self, fault, give):
        op = fault.target
        name = "metadata" if self._plan.kind == "file" else "pv"
        give(self._place.fs, op, "" if op in OF_DIRECTORY else name)
        self.met.append(fault)
        if fault.lasts is not None:
            self._later(fault.lasts, lambda: self._place.fs.clear(op))

    def _late(self, fault, racing):
        self._place.fs.late(fault.errno(), "metadata.new")
        self.met.append(fault)

    # Others

    def _vgchange_runs(self):
        """
        One of ours. Nothing in LVM keeps another host from a second one, and
        two at once can destroy the VG: docs/format.md.
        """
        return self._plan.kind == "block" and any(
            "vgchange" in proc.command(pid) for pid in self._ours()
        )

    def _vdsm(self, fault, racing):
        if self._vgchange_runs():
            return
        with contextlib.suppress(FileNotFoundError):
            changed = domains.change_as_vdsm(self._domain, fault.target)
            if changed:
                before, after = changed
                value = md_lines.parse(after).values[fault.target]
                self._wrote(
                    *("vdsm", fault, {fault.target: value}, before, after),
                    racing=racing,
                )

    def _host(self, fault, racing):
        if self._vgchange_runs():
            return
        self._lease.expire()
        pids = [pid for pid in {self._pid, *self._ours()} if proc.alive(pid)]
        proc.kill(pids, signal.SIGSTOP)
        try:
            with contextlib.suppress(AssertionError):
                # One that is in a call that hangs does not stop.
                wait_until(lambda: all(map(proc.stopped, pids)), 1)
            reason = f"of another host at {fault.at}"
            before, after, error = domains.change_as_host(self._domain, reason)
        finally:
            proc.kill(set(pids) - self._stopped, signal.SIGCONT)
        self._wrote("host", fault, {}, before, after, answer=_said(error))

    def _lost(self, fault, racing):
        self.lost = True
        self.met.append(fault)

    def _daemon(self, fault, racing):
        self._place.sanlock.restart()
        self.met.append(fault)

    def _second(self, fault, racing):
        """We have the lease, or our writer still has it."""
        two = self._place.change_on_two(self._plan, SECOND)
        self._wrote_by_two(fault, *two)

    def _frozen(self, fault, racing):
        """The hosts of the case do it."""
        two = self._place.freeze(self._plan, self._pid, self._ours())
        self._later(fault.lasts, self._place.thaw)
        self._wrote_by_two(fault, *two)

    def _wrote_by_two(self, fault, before, after, answer):
        if answer.kind == NOTHING:
            # The judge sees if it lies: nobody has set its flag then.
            self.met.append(fault)
        else:
            self._wrote("host", fault, {}, before, after, answer=answer)

    def _wrote(self, by, fault, keys, before, after, **more):
        self.writes.append(
            Write(
                *(by, fault.at, keys),
                flag=flag_of(after),
                replaced=flag_of(before),
                **more,
            )
        )
        self.met.append(fault)


def _said(error):
    if error is None:
        return Answer(DONE)
    unknown = isinstance(error, errors.OutcomeUnknown) or (
        isinstance(error, errors.WriteFailed)
        and error.step in ("commit", "confirm")
    )
    kind = UNKNOWN if unknown else NOTHING
    return Answer(kind, f"{error.name}: {error}")

# SPDX-License-Identifier: GPL-2.0-or-later
"""One case: the change of a plan, its faults, and the facts for the judge."""

import contextlib
import os
import shutil
import time
from dataclasses import dataclass

from tests.campaign import domains
from tests.campaign.faults import Faults
from tests.campaign.hosts import EXPIRY
from tests.campaign.judge import NONSENSE, Answer, Facts, answer, base_of
from tests.campaign.tool import Tool
from tests.support.processes import proc
from tests.support.waiting import wait_until
from vdsm_backup.change.history import History
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes.channel import Timeout

# Seconds for the processes of a command to end after it.
ENDING = 60

# Seconds for one call to storage: while there are faults, and without.
FAULTY = 2
WELL = 30

# Of a lockspace that has failed, while sanlock gives it up.
GIVEN_UP = "it is giving up the lockspace"


@dataclass
class _Copied:
    """What History.keep() asks of a storage."""

    sd_id: str
    found_at: str = "where the copy is from"

    def save_extra(self, path):
        return False


class Case:
    def __init__(self, plan, place):
        self._plan = plan
        self._place = place
        self._domain = place.domain(plan)
        self._host = place.host(plan)
        place.begin()
        self._pid = None
        self.faults = None
        self.seconds = 0

    def run(self):
        """The Facts."""
        began = time.monotonic()
        before, copy, ours = self._begin()
        said, committed, ended = self._change(self._place.patience)
        found = self._lines()
        self._settle()
        later = self._lines()
        then, wanted = self._next(later)
        after = self._lines()
        left = [*self._domain.left(), *self._place.left(self._plan)]
        base = base_of(md_lines.parse(copy or before).values)
        self.seconds = time.monotonic() - began
        return Facts(
            sd_id=self._domain.sd_id,
            kind=self._plan.kind,
            before=before,
            base=base,
            ours=ours,
            answer=said,
            found=found,
            later=later,
            committed=committed,
            ended=ended,
            writes=self.faults.writes,
            next=then,
            next_flag=wanted,
            after=after,
            left=left,
        )

    def _begin(self):
        """
        Put the domain there; (its lines, the copy that is restored or None,
        the flag that the change gives).
        """
        plan, domain = self._plan, self._domain
        shutil.rmtree(self._host.history, ignore_errors=True)
        old = (None, "")
        if plan.action == "clear":
            old = ("True", "before")
        ours = ("False" if plan.action == "clear" else "True", plan.reason)
        copy = None
        if plan.action == "restore":
            value = "True" if plan.number % 2 else "False"
            old = ("False" if value == "True" else "True", "before")
            ours = (value, plan.reason)
            copy = domains.seal(domain.values, *ours)
            history = History(self._host.history)
            history.keep(_Copied(domain.sd_id), copy, "a@b", "set")
        before = domains.seal(domain.values, *old)
        if plan.start == "gone":
            before = None
        elif plan.start == "broken":
            before = [*before[:-1], "_SHA_CKSUM=" + "0" * 40]
        domain.put(before)
        return before, copy, ours

    def _args(self, action, reason):
        args = ["--config", self._host.config, action, self._domain.sd_id]
        if action == "restore":
            return [*args, "--from", "1"]
        return [*args, "--reason", reason]

    def _change(self, patience):
        """(Answer, whether it was let go on to commit, whether all ended)"""
        plan = self._plan
        self._host.configure(ioprocess=self._place.backend(plan))
        self._host.configure(io_timeout=FAULTY)
        args = self._args(plan.action, plan.reason)
        with self._running(args, plan.undo) as (tool, lease):
            self.faults = Faults(
                plan, self._place, self._domain, tool.pid, self._ours, lease
            )
            said, committed = self._follow(tool, self.faults, patience)
            self.faults.end()
            ended = self._wait_ended(lease)
        return said, committed, ended

    @contextlib.contextmanager
    def _running(self, args, undo=False):
        lease = self._place.lease()
        tool = Tool(args, lease, undo)
        self._pid = tool.pid
        try:
            yield tool, lease
        finally:
            proc.kill([tool.pid])
            tool.close()
            if lease:
                lease.close()

    def _follow(self, tool, faults, patience):
        committed = False
        deadline = time.monotonic() + patience
        while True:
            now = time.monotonic()
            if now > deadline:
                return Answer(NONSENSE, f"none in {patience} s"), committed
            wait = faults.wait() if faults else None
            wait = min(wait or patience, deadline - now + 0.01)
            try:
                message = tool.channel.receive(wait)
            except Timeout:
                if faults:
                    faults.run_due()
                continue
            if message is None:
                return answer(None, ""), committed
            if "exit" in message:
                if message["exit"] is None:
                    return answer(None, ""), committed
                text = message["out"] + message["err"]
                return answer(message["exit"], text), committed
            lost = False
            if faults:
                faults.run_due()
                faults.at(message["step"])
                lost = faults.lost
            with contextlib.suppress(OSError):
                if proc.alive(tool.pid):
                    committed |= message["step"] == "commit"
                go = {"number": message["number"], "lost": lost}
                tool.channel.send(go)

    def _ours(self):
        others = self._place.others()
        return [
            pid
            for pid in proc.children(os.getpid())
            if pid not in others and proc.alive(pid)
        ]

    def _wait_ended(self, lease):
        """All processes of the change have ended, and so has its lease."""
        try:
            wait_until(lambda: not self._ours(), ENDING)
            if lease:
                # A process is seen to have no files a moment before the
                # kernel has closed them.
                wait_until(lease.ended, ENDING)
            self._reap()
        except AssertionError:
            left = self._ours()
            print("\n".join(proc.command(pid) for pid in left), flush=True)
            proc.kill(left)
            return False
        return True

    def _reap(self):
        """Orphans of the change; the tool itself is reaped as it is closed."""
        others = self._place.others()
        for pid in proc.children(os.getpid()):
            orphan = pid not in others and pid != self._pid
            if orphan and proc.state(pid) == "Z":
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _settle(self):
        """What is still on its way to storage arrives."""
        if self._place.fs:
            self._place.fs.clear()
            wait_until(lambda: not self._place.fs.stuck("late"))

    def _lines(self):
        return self._domain.lines()

    def _next(self, lines):
        """(what the next command said, the flag that it gives)"""
        reason = f"after case {self._plan.number}"
        value = "True"
        if md_lines.is_whole(lines, self._domain.sd_id):
            flagged = domains.is_flagged(lines)
            action = "clear" if flagged else "set"
            value = "False" if flagged else "True"
        else:
            action = "restore"
            value = "True" if self._plan.number % 2 else "False"
            reason = self._plan.reason
        self._host.configure(io_timeout=WELL)
        args = self._args(action, reason)
        args += ["--timeout", str(EXPIRY)]
        deadline = time.monotonic() + 2 * EXPIRY
        while True:
            with self._running(args) as (tool, lease):
                said, _ = self._follow(tool, None, 2 * EXPIRY)
                if not self._wait_ended(lease):
                    said = Answer(NONSENSE, "its processes did not end")
            if GIVEN_UP not in said.text or time.monotonic() > deadline:
                return said, (value, reason)
            # It says to wait: sanlock has not yet noticed how long we stood.
            time.sleep(1)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Reading the flags of all that a VM needs.

All domains are read side by side, and links are followed beside that. The
slowest one sets the time; one deadline ends all of it.

What was read early is read again
=================================

A flag can be set while we wait for a slow domain. Whoever sets it looks for
VMs that use the domain: before the write, and for `[sanlock] settle` seconds
after it (change/change.py). Our VM is seen there only when it runs, which is
after our answer.

So a flag that was read less than `settle` before the answer needs no second
look: if it was set since, `set` is still looking when the VM shows up. A flag
that was read earlier than that may have been set, and the looking may be over
before the VM runs: then nobody would have refused anything. Such a domain is
read again, and the second answer counts.

The second look begins when all have answered, and at the latest `settle`
before the deadline: what does not answer at all must not use up the time of
the others. Where the second look takes long, there is a third one, and so on
until the deadline. What is being read again then has not answered.
"""

from __future__ import annotations

import functools
import time

from vdsm_backup.processes.jobs import Jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, List

    from vdsm_backup.vm.needs import Need, Needs, Resolved, UnresolvedPaths
    from vdsm_backup.vm.paths import Location

    Read = Callable[[Location], List[str]]
    Resolve = Callable[[UnresolvedPaths], Resolved]

# Seconds. With a `settle` of 0 whatever was read is too old at once. It is
# read again once, and then only if it is older than this. The second look has
# at least this time, too.
_MOMENT = 1.0


class Reading:
    """
    The domains that a VM needs are read, and its links followed.

    read: gives the metadata lines of a domain; runs in a thread.
    resolve: follows the links of unresolved paths; runs in a thread.
    settle: seconds, see above.
    lag: seconds that the first answer of a domain may be older than it looks.

    needs_at: what the VM needs, for each location; those too to which the
        links lead.
    answers: (lines, error) of each location that has answered.
    unresolved: what is left of the paths on a mount, and why. Mounts that
        have not answered are missing.
    """

    def __init__(
        self,
        needs: Needs,
        read: Read,
        resolve: Resolve,
        settle: float,
        lag: float = 0,
    ) -> None:
        self.needs_at: dict[Location, list[Need]] = {}
        self.answers: dict[Location, tuple[Any, Exception | None]] = {}
        self.unresolved: dict[
            str, tuple[UnresolvedPaths, Exception | None]
        ] = {}
        self._needs = needs
        self._read = read
        self._resolve = resolve
        self._settle = settle
        self._lag = lag
        #: The locations that were read once.
        self._once: set[Location] = set()
        #: Since when an answer is known to count, and when anybody answered.
        self._answered_at: dict[Location, float] = {}
        self._last = 0.0
        # The key is a Location for a job that reads a domain, and a mount
        # point for one that follows links.
        self._jobs = Jobs({})

    def run(self, deadline: float) -> None:
        """deadline: of time.monotonic(), for all of it."""
        self._add(self._needs.known)
        for mount, paths in self._needs.unresolved.items():
            self._jobs.add(mount, functools.partial(self._resolve, paths))
        self._collect(deadline - max(self._settle, _MOMENT))
        oldest = self._settle
        while time.monotonic() < deadline:
            for location in self._read_early(oldest, deadline):
                self._start(location)
            if not self._jobs.waiting:
                break
            self._collect(deadline)
            oldest = max(self._settle, _MOMENT)

    def _read_early(self, oldest: float, deadline: float) -> list[Location]:
        """
        The locations without an error whose answer will be older than this
        when we give ours. That is now, or at the deadline if we still wait.
        """
        end = deadline if self._jobs.waiting else self._last
        return [
            location
            for location, (_, error) in self.answers.items()
            if error is None and end - self._answered_at[location] > oldest
        ]

    def _add(self, needs: Iterable[Need]) -> None:
        for need in needs:
            if need.location not in self.needs_at:
                self._start(need.location)
            self.needs_at.setdefault(need.location, []).append(need)

    def _start(self, location: Location) -> None:
        """Read it; an earlier answer does not count any more."""
        self.answers.pop(location, None)
        self._jobs.add(location, functools.partial(self._read, location))

    def _collect(self, until: float) -> None:
        """Take the answers, until all are there or the time is over."""
        for key, result, error in self._jobs.results(lambda: until):
            self._last = time.monotonic()
            if key not in self._needs.unresolved:
                self.answers[key] = (result, error)
                lag = 0 if key in self._once else self._lag
                self._answered_at[key] = self._last - lag
                self._once.add(key)
            elif error is not None:
                self.unresolved[key] = (self._needs.unresolved[key], error)
            else:
                more, left, why = result
                self._add(more)
                self.unresolved[key] = (left, why)

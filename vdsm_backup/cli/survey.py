# SPDX-License-Identifier: GPL-2.0-or-later
"""
All domains that this host can see, read side by side, as they answer.

Each source of domains (storage/sources.py) has a thread, which scans the
source and then reads its domains one by one. More threads would not help: a
mount has one FileIO, and the scan that found the block domains has read them
all. Nothing waits for a source that hangs.
"""

from __future__ import annotations

import functools
import math
import time

from vdsm_backup import errors
from vdsm_backup.cli import objects, readings
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.storage import discovery
from vdsm_backup.storage.sources import Failure, no_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Union

    from vdsm_backup.cli.schema import DomainObject
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.base import Storage
    from vdsm_backup.storage.sources import Found

    # What a source or a domain has answered: a Failure is a source that could
    # not be scanned.
    Answer = Union[readings.Reading, Failure]


class Survey:
    """One scan of all sources, in which the domains are read, too."""

    def __init__(
        self,
        sources: Mapping[str, Callable[[], Found]],
        timeout: float,
        slow: Slow | None = None,
    ) -> None:
        """
        sources: of each source the job that scans it, as from
            Sources.scans().
        timeout: seconds that a single answer may take.
        slow: called with the sources that are still waited for, see Jobs.
        """
        self._timeout = timeout
        # Of each source the storages that are still to be read. None: the
        # source is still being scanned.
        self._unread: dict[str, list[Storage] | None] = dict.fromkeys(sources)
        self._jobs = Jobs({}, slow)
        for source, job in sources.items():
            self._jobs.add(source, functools.partial(self._read, source, job))

    def all(self) -> list[Answer]:
        """All answers. Raises what batches() does."""
        return [answer for batch in self.batches(0) for answer in batch]

    @property
    def is_complete(self) -> bool:
        """Whether there are no more answers than batches() has given."""
        return not self._jobs.waiting

    def batches(
        self, patience: float, quiet: float = math.inf
    ) -> Iterator[list[Answer]]:
        """
        Yields lists of answers: first what comes within `patience` seconds,
        which may be nothing, and then the others as they come. The first list
        is given sooner if it has something, and nothing more has come for
        `quiet` seconds.

        Raises what the job of a source raises, and what reading raises that
        is no error of ours.
        """
        yield self._first(time.monotonic() + patience, quiet)
        while self._jobs.waiting:
            told = next(self._jobs.results(self._limit), None)
            if told is None:
                yield self._give_up()
                return
            # This answer is given together with all that are there by now.
            batch = self._answers_in(*told)
            yield batch + self._answers_until(time.monotonic)

    def _first(self, until: float, quiet: float) -> list[Answer]:
        """The answers that come until a time of time.monotonic()."""
        answers: list[Answer] = []
        limit = [until]
        for told in self._jobs.results(lambda: min(*limit, self._limit())):
            answers += self._answers_in(*told)
            if answers:
                limit[:] = [until, time.monotonic() + quiet]
        return answers

    def _answers_until(self, deadline: Callable[[], float]) -> list[Answer]:
        answers: list[Answer] = []
        for told in self._jobs.results(deadline):
            answers += self._answers_in(*told)
        return answers

    def _limit(self) -> float:
        """
        When to give up waiting for the next answer, by time.monotonic(). A
        source that hangs becomes an answer before that, by its own timeout.
        """
        return time.monotonic() + self._timeout + discovery.GRACE

    def _read(self, source: str, job: Callable[[], Found]) -> None:
        storages, failures = job()
        self._jobs.tell(source, (storages, failures))
        for storage in storages:
            self._jobs.tell(source, readings.last_scan(storage))

    def _answers_in(
        self, source: str, told: Any, error: Exception | None
    ) -> list[Answer]:
        if error:
            raise error
        if told is None:
            # The end of the job.
            del self._unread[source]
            return []
        unread = self._unread[source]
        if unread is None:
            self._unread[source], failures = told
            return failures
        self._unread[source] = unread[1:]
        return [told]

    def _give_up(self) -> list[Answer]:
        """
        Failures and errors in place of the answers that are missing. This is
        a backstop: no answer has come until _limit().
        """
        given_up: list[Answer] = []
        for source, unread in self._unread.items():
            if unread is None:
                given_up.append(no_answer(source, self._timeout))
                continue
            for storage in unread:
                error = errors.StorageTimeout(storage.found_at, self._timeout)
                given_up.append(readings.unreadable(storage, error))
        return given_up


def domain_of(answer: Answer) -> DomainObject:
    """The DOMAIN of an answer."""
    if isinstance(answer, Failure):
        return objects.failure_object(answer)
    return objects.domain_object(answer)

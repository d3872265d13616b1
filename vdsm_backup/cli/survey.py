# SPDX-License-Identifier: GPL-2.0-or-later
"""
All domains that this host can see, read side by side, as they answer.

A thread a place looks for domains and reads them one by one: a mount has one
FileIO, and the scan that found the block domains has read them all. Nothing
waits for a place that hangs.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any, Union

from vdsm_backup import errors
from vdsm_backup.cli import objects, readings
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.storage import discovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vdsm_backup.storage.base import Storage

    # What the job of a place gives.
    Found = tuple[list[Storage], list[discovery.Failure]]

Answer = Union[readings.Reading, discovery.Failure]


class Survey:
    def __init__(
        self, places: Mapping[str, Callable[[], Found]], timeout: float
    ) -> None:
        """
        places: Discovery.places().
        timeout: seconds that a single answer may take.
        """
        self._timeout = timeout
        # The storages that are still to be read, by place; None where the
        # place is still looked at.
        self._unread: dict[str, list[Storage] | None] = dict.fromkeys(places)
        self._jobs = Jobs({})
        for place, job in places.items():
            self._jobs.add(place, functools.partial(self._read, place, job))

    def all(self) -> list[Answer]:
        """All answers: readings.Reading of domains, discovery.Failure."""
        return [answer for batch in self.batches(0) for answer in batch]

    def batches(self, patience: float) -> Iterator[list[Answer]]:
        """
        Yields lists of answers: what comes within `patience` seconds, then
        the others as they come.

        Raises what a place or a reader raises that is no error of ours.
        """
        until = time.monotonic() + patience
        yield self._answers_until(lambda: min(until, self._limit()))
        while self._jobs.waiting:
            told = next(self._jobs.results(self._limit), None)
            if told is None:
                yield self._give_up()
                return
            # With it comes what is there by now.
            batch = self._answers_in(*told)
            yield batch + self._answers_until(time.monotonic)

    def _answers_until(self, deadline: Callable[[], float]) -> list[Answer]:
        answers: list[Answer] = []
        for told in self._jobs.results(deadline):
            answers += self._answers_in(*told)
        return answers

    def _limit(self) -> float:
        """Each answer is late by itself before this."""
        return time.monotonic() + self._timeout + discovery.GRACE

    def _read(self, place: str, job: Callable[[], Found]) -> None:
        storages, failures = job()
        self._jobs.tell(place, (storages, failures))
        for storage in storages:
            self._jobs.tell(place, readings.seen(storage))

    def _answers_in(
        self, place: str, told: Any, error: Exception | None
    ) -> list[Answer]:
        if error:
            raise error
        if told is None:
            # The end of the job.
            del self._unread[place]
            return []
        unread = self._unread[place]
        if unread is None:
            self._unread[place], failures = told
            return failures
        self._unread[place] = unread[1:]
        return [told]

    def _give_up(self) -> list[Answer]:
        """A backstop: of what is pending nothing has come for long."""
        given_up: list[Answer] = []
        for place, unread in self._unread.items():
            if unread is None:
                given_up.append(discovery.late(place, self._timeout))
                continue
            for storage in unread:
                error = errors.StorageTimeout(storage.place, self._timeout)
                given_up.append(readings.unread(storage, error))
        return given_up


def domain_of(answer: Answer) -> dict[str, Any]:
    """
    DOMAIN of a Reading, or of a Failure: a place that could not be looked at
    is a domain of which nothing is known.
    """
    if isinstance(answer, discovery.Failure):
        answer = readings.unread(answer, answer.error)
    return objects.domain(answer)

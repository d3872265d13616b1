# SPDX-License-Identifier: GPL-2.0-or-later
"""
All domains that this host can see, read side by side, as they answer.

A thread a place looks for domains and reads them one by one: a mount has one
FileIO, and the look that found the block domains has read them all. Nothing
waits for a place that hangs.
"""

import queue
import threading
import time

from vdsm_backup import errors
from vdsm_backup.cli import objects, readings
from vdsm_backup.storage import discovery


class Survey:
    def __init__(self, places, timeout):
        """
        places: Discovery.places().
        timeout: seconds that a single answer may take.
        """
        self._timeout = timeout
        self._answers = queue.Queue()
        # What is still to come, by place: the place, then its storages.
        self._pending = {place: place for place in places}
        for place, job in places.items():
            threading.Thread(
                target=self._run, args=(place, job), daemon=True
            ).start()

    def all(self):
        """All answers: readings.Reading of domains, discovery.Failure."""
        return [answer for batch in self.batches(0) for answer in batch]

    def batches(self, patience):
        """
        Yields lists of answers: what comes within `patience` seconds, then
        the others as they come.
        """
        until = time.monotonic() + patience
        batch = []
        while self._pending:
            left = until - time.monotonic()
            try:
                batch += self._next(min(max(left, 0), self._limit))
            except queue.Empty:
                yield batch
                batch, until = [], time.monotonic()
                try:
                    batch += self._next(self._limit)
                except queue.Empty:
                    batch += self._give_up()
        yield batch

    @property
    def _limit(self):
        """Each answer is late by itself before this."""
        return self._timeout + discovery.GRACE

    def _run(self, place, job):
        try:
            storages, failures = job()
            self._answers.put(("found", place, (storages, failures)))
            for storage in storages:
                self._answers.put(("reading", place, readings.seen(storage)))
            self._answers.put(("end", place, None))
        except Exception as e:
            self._answers.put(("fault", place, e))

    def _next(self, timeout):
        kind, place, value = self._answers.get(timeout=timeout)
        if kind == "fault":
            raise value
        if kind == "found":
            self._pending[place], failures = value
            return failures
        if kind == "reading":
            self._pending[place] = self._pending[place][1:]
            return [value]
        del self._pending[place]
        return []

    def _give_up(self):
        """A backstop: of what is pending nothing has come for long."""
        given_up = []
        for waiting in self._pending.values():
            if isinstance(waiting, str):
                given_up.append(discovery.late(waiting, self._timeout))
                continue
            for storage in waiting:
                error = errors.StorageTimeout(storage.place, self._timeout)
                given_up.append(readings.unread(storage, error))
        self._pending.clear()
        return given_up


def domain_of(answer):
    """
    DOMAIN of a Reading, or of a Failure: a place that could not be looked at
    is a domain of which nothing is known.
    """
    if isinstance(answer, discovery.Failure):
        answer = readings.unread(answer, answer.error)
    return objects.domain(answer)

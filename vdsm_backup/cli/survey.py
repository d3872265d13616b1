# SPDX-License-Identifier: GPL-2.0-or-later
"""
All domains that this host can see, read side by side, as they answer.

A thread a mount looks for domains and reads them one by one, since a mount
has one FileIO; block domains are read by a thread each, since a LUN that
hangs is none of the others' business. Nothing waits for a place that hangs.
"""

import queue
import threading
import time

from vdsm_backup import discovery, errors, report


class Survey:
    def __init__(self, places, timeout):
        """
        places: Discovery.places().
        timeout: seconds that a single answer may take.
        """
        self._timeout = timeout
        self._answers = queue.Queue()
        # What is still to come: a place, or a list of storages, by a key.
        self._pending = {}
        for place, job in places.items():
            self._start(place, place, self._look, job)

    def all(self):
        """All answers: report.Reading of domains, discovery.Failure."""
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

    def _start(self, key, waiting, work, arg):
        self._pending[key] = waiting
        threading.Thread(
            target=self._run, args=(key, work, arg), daemon=True
        ).start()

    def _run(self, key, work, arg):
        try:
            work(key, arg)
            self._answers.put(("end", key, None))
        except Exception as e:
            self._answers.put(("fault", key, e))

    def _look(self, key, job):
        self._answers.put(("found", key, job()))

    def _read(self, key, storages):
        for storage in storages:
            self._answers.put(("reading", key, report.read(storage)))

    def _next(self, timeout):
        kind, key, value = self._answers.get(timeout=timeout)
        if kind == "fault":
            raise value
        if kind == "found":
            storages, failures = value
            for group in _groups(storages):
                self._start((key, group[0].place), group, self._read, group)
            return failures
        if kind == "reading":
            self._pending[key] = self._pending[key][1:]
            return [value]
        del self._pending[key]
        return []

    def _give_up(self):
        """A backstop: of what is pending nothing has come for long."""
        given_up = []
        for waiting in self._pending.values():
            if isinstance(waiting, str):
                error = errors.StorageTimeout(waiting, self._timeout)
                given_up.append(discovery.Failure(waiting, error))
                continue
            for storage in waiting:
                error = errors.StorageTimeout(storage.place, self._timeout)
                given_up.append(report.unread(storage, error))
        self._pending.clear()
        return given_up


def _groups(storages):
    files = [storage for storage in storages if storage.kind != "block"]
    others = [[storage] for storage in storages if storage.kind == "block"]
    return [files, *others] if files else others

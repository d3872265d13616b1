# SPDX-License-Identifier: GPL-2.0-or-later
"""A host's membership of a lockspace, with a sanlock by script and a clock."""

import os

import pytest

pytest.importorskip("sanlock", reason="no sanlock binding")

import sanlock

from vdsm_backup import errors
from vdsm_backup.lease import membership
from vdsm_backup.lease.lockspace import Host
from vdsm_backup.lease.membership import Membership
from vdsm_backup.lease.request import LeaseRequest
from vdsm_backup.lease.slot import Slot, SlotReader

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
IDS = "/some/where/ids"
TIMEOUT = 20


def sanlock_error(code):
    return sanlock.SanlockException(code, "what", "why")


class Pending(Exception):
    """sanlock has not answered yet."""


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self, monkeypatch):
        self.now = 0
        monkeypatch.setattr(membership.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(membership.time, "sleep", self.sleep)

    def sleep(self, seconds):
        assert self.now < 1000, "waits for ever"
        self.now += seconds


class Watch:
    def __init__(self, clock):
        self._clock = clock
        self.told = []

    def step(self, text):
        self.tell({"progress": text})

    def tell(self, message):
        self.told.append(message)

    def pause(self, seconds, late=None):
        self._clock.sleep(seconds)
        if self._clock.now >= TIMEOUT:
            raise late or errors.LeaseTimeout(SD, "20", "step")

    def run(self, call, late=None, abort=None, meanwhile=None):
        """A call that raises Pending goes on for ever."""
        try:
            return call()
        except Pending:
            while True:
                self.pause(0.05, late)
                if meanwhile:
                    meanwhile()


class Space:
    """Answers by script: what is there last stays."""

    def __init__(self):
        self.answers = {
            "daemon_runs": [True],
            "joined": [None],
            "hosts": [{250: Host(sanlock.HOST_LIVE, 1, 1)}],
            "join": [None],
            "leave": [None],
            "slots": [Slot()],
        }
        self.calls = []
        self.left_paths = []

    def script(self, call, *answers):
        self.answers[call] = list(answers)

    def io_timeout(self):
        return 1

    def daemon_runs(self):
        return self._next("daemon_runs")

    def joined(self):
        return self._next("joined")

    def hosts(self):
        return self._next("hosts")

    def join(self, host_id, io_timeout):
        self.calls.append(("join", host_id))
        self._next("join")

    def leave(self, host_id, path):
        self.calls.append(("leave", host_id))
        self.left_paths.append(path)
        self._next("leave")

    def slot(self):
        return self._next("slots")

    def _next(self, call):
        answers = self.answers[call]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Scene:
    def __init__(self, run_dir, monkeypatch):
        self.clock = Clock(monkeypatch)
        self.watch = Watch(self.clock)
        self.space = Space()
        monkeypatch.setattr(SlotReader, "read", lambda _: self.space.slot())
        monkeypatch.setattr(
            SlotReader,
            "slots",
            lambda _, host_ids: {i: self.space.slot() for i in host_ids},
        )
        self._request = LeaseRequest(
            SD, IDS, "", 0, 0, 512, 250, TIMEOUT, run_dir, True
        )
        self.run_dir = run_dir

    def require(self, **options):
        self._request = self._request._replace(**options)

    def member(self, lock=True, **options):
        """options: of the LeaseRequest."""
        request = self._request._replace(**options)
        member = Membership(request, self.space, self.watch)
        if lock:
            member.lock()
        return member

    def require_same(self, *paths):
        self._request = self._request._replace(same_storage=paths)

    def has_record(self):
        return f"{SD}.json" in os.listdir(self.run_dir)

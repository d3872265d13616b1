# SPDX-License-Identifier: GPL-2.0-or-later
"""What was read long before the answer is read again."""

import threading
import time

import pytest

from tests.support.storage import filedomain
from tests.support.waiting import RUNS_OUT, SOON
from vdsm_backup import errors
from vdsm_backup.guard import policy, reading
from vdsm_backup.guard.policy import Settings
from vdsm_backup.guard.verdict import Guard
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.vm.needs import Need, Needs
from vdsm_backup.vm.paths import Location

EARLY, SLOW, BEHIND = (
    Location(f"{n}ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25") for n in range(3)
)
LONG = 60


def lines(location, **values):
    return md_lines.flush(filedomain.metadata(location.domain, **values))


class Storage:
    """
    The flag of EARLY is set as soon as somebody has read that it is not. The
    others have none, and SLOW answers only after that.
    """

    def __init__(self):
        self.read_from = []
        self._flagged = threading.Event()
        self._reader = None

    def read(self, location):
        self.read_from.append(location)
        if location == EARLY:
            return self.read_early()
        if location == SLOW:
            self.wait()
        return lines(location)

    def read_early(self):
        flagged = self._flagged.is_set()
        self._reader = threading.current_thread()
        self._flagged.set()
        return lines(EARLY, BACKUP=str(flagged))

    def wait(self):
        """Until the answer of EARLY is there: its thread has ended then."""
        assert self._flagged.wait(SOON)
        if self._reader:
            self._reader.join(SOON)

    def resolve(self, paths):
        self.wait()
        return [Need("disk vdb", BEHIND)], [], None

    def verdict(self, settle, seconds=LONG, settings=None, needs=None, lag=0):
        guard = Guard(
            settings or Settings(),
            self.read,
            seconds,
            self.resolve,
            settle,
            lag,
        )
        deadline = time.monotonic() + seconds
        return guard.verdict("run", needs or BOTH, deadline)


BOTH = Needs([Need("disk vda", EARLY), Need("disk vdb", SLOW)])
BY_LINK = Needs([Need("disk vda", EARLY)], {"/mnt": [("disk vdb", "/mnt/x")]})


class Clock:
    """
    That of the reading, which stands still. ahead: seconds that a test has
    put it on. asked: the first answer has been taken.
    """

    def __init__(self):
        self._began = time.monotonic()
        self.ahead = 0
        self.asked = threading.Event()

    def monotonic(self):
        self.asked.set()
        return self._began + self.ahead


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(reading, "time", made)
    return made


@pytest.fixture
def storage():
    return Storage()


@pytest.mark.parametrize("needs", [BOTH, BY_LINK], ids=["domain", "links"])
def test_a_flag_that_is_set_while_another_domain_is_slow(storage, needs):
    verdict = storage.verdict(settle=0, needs=needs)
    assert not verdict.allowed
    (found,) = verdict.findings
    assert (found.domain, found.flag.value) == (EARLY.domain, True)
    assert storage.read_from.count(EARLY) == 2


@pytest.mark.parametrize("needs", [BOTH, BY_LINK], ids=["domain", "links"])
def test_no_second_look_within_the_time_to_settle(storage, needs):
    """Whoever sets the flag then still looks for VMs when this one runs."""
    assert storage.verdict(settle=LONG / 2, needs=needs).allowed
    assert storage.read_from.count(EARLY) == 1


def test_an_answer_that_is_older_than_it_looks(clock):
    """
    EARLY is read again, which takes so long that the first answer of SLOW,
    which may be some seconds older than it looks, is too old by then.
    """
    storage = Storage()
    count = {EARLY: 0, SLOW: 0}

    def read(location):
        count[location] += 1
        first = count[location] == 1
        if location == SLOW and first:
            clock.asked.wait(SOON)
            clock.ahead += 12
        elif location == EARLY and not first:
            clock.ahead += 8
        flagged = location == SLOW and not first
        return lines(location, BACKUP=str(flagged))

    storage.read = read
    verdict = storage.verdict(settle=16, lag=10)
    assert [f.domain for f in verdict.findings] == [SLOW.domain]
    assert count[EARLY] > 1


def test_what_answered_last_is_not_read_again(storage):
    storage.verdict(settle=0)
    assert storage.read_from.count(SLOW) == 1


def test_one_domain_is_read_once(storage):
    needs = Needs([Need("disk vda", EARLY)])
    assert storage.verdict(settle=0, needs=needs).allowed
    assert storage.read_from == [EARLY]


def test_a_domain_that_never_answers_leaves_time_for_the_others():
    """Also where it refuses nothing by itself."""
    storage = Storage()
    never = threading.Event()
    storage.wait = never.wait
    settings = Settings(on_unreadable=policy.ALLOW)
    verdict = storage.verdict(RUNS_OUT, 2 * RUNS_OUT, settings)
    never.set()
    assert not verdict.allowed
    assert [f.flag is None for f in verdict.findings] == [False, True]


def test_a_second_look_without_an_answer_is_no_answer(storage):
    """The first one is too old to be believed."""
    never = threading.Event()
    first = storage.read_early

    def read_early():
        if storage.read_from.count(EARLY) > 1:
            never.wait()
        return first()

    storage.read_early = read_early
    verdict = storage.verdict(settle=0, seconds=RUNS_OUT)
    never.set()
    assert not verdict.allowed
    (found,) = verdict.findings
    assert isinstance(found.error, errors.StorageTimeout)


def test_what_cannot_be_read_is_not_tried_again(storage):
    """It is refused anyway, and each attempt may cost the whole time."""

    def read_early():
        storage._flagged.set()
        raise errors.DomainNotFound(EARLY.domain)

    storage.read_early = read_early
    assert not storage.verdict(settle=0).allowed
    assert storage.read_from.count(EARLY) == 1


def test_a_second_look_that_takes_long_is_followed_by_a_third(clock):
    """One may be flagged while the other is read again, and so on."""
    storage = Storage()
    reads = {EARLY: [], SLOW: []}

    def read(location):
        count = len(reads[location])
        reads[location].append(location)
        if location == EARLY and count == 1:
            # Longer than what counts as one moment.
            clock.ahead += 15
        elif location == SLOW and count == 0:
            # After the other one.
            clock.asked.wait(SOON)
            clock.ahead += 9
        flagged = location == SLOW and count > 0
        return lines(location, BACKUP=str(flagged))

    storage.read = read
    verdict = storage.verdict(settle=0)
    assert [f.domain for f in verdict.findings] == [SLOW.domain]
    assert (len(reads[EARLY]), len(reads[SLOW])) == (2, 2)

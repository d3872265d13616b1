# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import threading
import time

import pytest

from tests.support.storage import filedomain
from vdsm_backup import errors
from vdsm_backup.guard import policy
from vdsm_backup.guard.policy import Settings
from vdsm_backup.guard.verdict import Guard
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.vm.needs import Need, Needs
from vdsm_backup.vm.paths import FILE, Location, NotADomain

A, B, C = (f"{n}ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25" for n in range(3))
MOUNT = "/mnt/hung"
LONG = 60


def lines(sd_id, name="data1", **values):
    return md_lines.flush(filedomain.metadata(sd_id, name=name, **values))


class Storage:
    """What reading a domain gives, by its UUID."""

    def __init__(self, **answers):
        self.answers = answers
        self.read_from = []

    def read(self, location):
        self.read_from.append(location)
        answer = self.answers[location.domain]
        if isinstance(answer, Exception):
            raise answer
        return answer


def verdict_of(answers, *needs, operation="run", settings=None, seconds=LONG):
    storage = Storage()
    storage.answers = answers
    guard = Guard(settings or Settings(), storage.read, LONG)
    deadline = time.monotonic() + seconds
    return guard.verdict(operation, Needs(known=list(needs)), deadline)


def need(domain, what="disk vda", **more):
    return Need(what, Location(domain, **more))


FLAGGED = lines(A, "backups", BACKUP="True", BACKUP_REASON="copies")


def test_no_needs_no_storage():
    verdict = verdict_of({})
    assert verdict.allowed
    assert verdict.findings == []


@pytest.mark.parametrize(
    "answer", [lines(A), lines(A, BACKUP="False"), lines(A, version=4)]
)
def test_a_domain_without_the_flag(answer):
    verdict = verdict_of({A: answer}, need(A))
    assert verdict.allowed
    assert verdict.findings == []


def test_a_flagged_domain():
    verdict = verdict_of(
        {A: FLAGGED, B: lines(B)}, need(A), need(B, "disk vdb")
    )
    assert not verdict.allowed
    (found,) = verdict.findings
    assert (found.domain, found.title) == (A, "backups")
    assert found.devices == ["disk vda"]
    assert found.flag.reason == "copies"
    assert found.error is None


UNREADABLE = {
    "error": errors.StorageTimeout("its storage", 30),
    "vanished": errors.DomainNotFound(A),
    "fault": ZeroDivisionError("x"),
    "empty": [],
    "not-sealed-right": [*FLAGGED[:-1], f"{md_lines.SEAL}={'0' * 40}"],
    "other": lines(B),
    "no-version": lines(A, VERSION=None),
    "invalid": lines(A, BACKUP="maybe"),
    "two-values": ["BACKUP=False", *FLAGGED],
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_flag_that_cannot_be_read_is_no_missing_flag(name):
    verdict = verdict_of({A: UNREADABLE[name]}, need(A))
    assert not verdict.allowed
    (found,) = verdict.findings
    assert found.flag is None
    assert isinstance(found.error, errors.Error)


def test_a_flag_without_a_seal_counts():
    verdict = verdict_of({A: FLAGGED[:-1]}, need(A))
    assert verdict.findings[0].flag.value


def test_on_unreadable_allow():
    settings = Settings(on_unreadable=policy.ALLOW)
    answers = {A: errors.DomainNotFound(A), B: lines(B, BACKUP="True")}
    verdict = verdict_of(answers, need(A), settings=settings)
    assert verdict.allowed
    # It is found all the same, to be logged.
    assert len(verdict.findings) == 1
    verdict = verdict_of(answers, need(A), need(B), settings=settings)
    assert not verdict.allowed
    assert [verdict.refuses(f) for f in verdict.findings] == [True, False]


@pytest.mark.parametrize("mode", [policy.PERMISSIVE, policy.DISABLED])
def test_other_modes_find_and_allow(mode):
    verdict = verdict_of({A: FLAGGED}, need(A), settings=Settings(mode=mode))
    assert verdict.allowed
    assert len(verdict.findings) == 1


def test_where_the_flag_does_not_matter_storage_is_not_touched():
    storage = Storage()
    guard = Guard(Settings(), storage.read, LONG)
    for row in policy.TABLE:
        if row.answer == policy.ALLOWED:
            needs = Needs(known=[need(A)])
            verdict = guard.verdict(row.operation, needs, 0)
            assert verdict.allowed
            assert verdict.findings == []
    assert storage.read_from == []


def test_a_domain_is_read_once_for_all_its_disks():
    storage = Storage(**{A: FLAGGED})
    disks = [need(A, f"disk vd{c}") for c in "abc"]
    guard = Guard(Settings(), storage.read, LONG)
    verdict = guard.verdict("run", Needs(disks), time.monotonic() + LONG)
    assert storage.read_from == [Location(A)]
    assert verdict.findings[0].devices == ["disk vda", "disk vdb", "disk vdc"]


def test_flagged_come_first_then_by_disk():
    answers = {A: FLAGGED, B: lines(B, BACKUP="True"), C: []}
    verdict = verdict_of(
        answers, need(C, "disk vda"), need(A, "disk vdc"), need(B, "disk vdb")
    )
    assert [found.domain for found in verdict.findings] == [B, A, C]


def test_a_directory_that_only_has_the_name_of_a_domain():
    answer = NotADomain("/x")
    assert verdict_of({A: answer}, need(A, candidate=True)).findings == []


def test_an_error_of_a_directory_is_reported_once():
    """An image below it has a name like a domain, and the same trouble."""
    hung = errors.StorageTimeout("its storage", 1)
    needs = [
        need(A, candidate=True, kind=FILE, directory=f"/x/{A}"),
        need(B, candidate=True, kind=FILE, directory=f"/x/{A}/images/{B}"),
    ]
    verdict = verdict_of({A: hung, B: hung}, *needs)
    assert [found.domain for found in verdict.findings] == [A]
    # Where the one above is none, it counts.
    verdict = verdict_of({A: NotADomain("/x"), B: hung}, *needs)
    assert [found.domain for found in verdict.findings] == [B]


def test_a_disk_is_reported_once():
    verdict = verdict_of({A: FLAGGED}, need(A), need(A))
    assert verdict.findings[0].devices == ["disk vda"]


def test_one_location_of_a_domain_with_the_flag_is_enough():
    """A copy beside its origin; and the error of one hides no flag."""
    for first, second in ((FLAGGED, []), ([], FLAGGED), (lines(A), FLAGGED)):
        storage = {"/1": first, "/2": second}
        guard = Guard(Settings(), lambda p, s=storage: s[p.directory], LONG)
        needs = [
            need(A, "disk vda", kind=FILE, directory="/1"),
            need(A, "disk vdb", kind=FILE, directory="/2"),
        ]
        verdict = guard.verdict("run", Needs(needs), time.monotonic() + LONG)
        (found,) = verdict.findings
        assert found.flag.value
        assert "disk vdb" in found.devices or first is FLAGGED


@contextlib.contextmanager
def reading_side_by_side():
    """
    The reads of A and B wait for each other: one after another they would
    never end. That of C hangs.
    """
    both, hung = threading.Barrier(2), threading.Event()

    def read(location):
        if location.domain == C:
            hung.wait(LONG)
        else:
            both.wait(LONG)
        return lines(location.domain, BACKUP="True")

    try:
        yield read
    finally:
        hung.set()


def test_all_are_read_at_once_and_late_ones_are_told():
    needs = Needs([need(A), need(B, "disk vdb"), need(C, "disk vdc")])
    with reading_side_by_side() as read:
        guard = Guard(Settings(), read, LONG)
        verdict = guard.verdict("run", needs, time.monotonic() + 1)
    assert [f.domain for f in verdict.findings] == [A, B, C]
    late = verdict.findings[2].error
    assert isinstance(late, errors.StorageTimeout)
    # The time that people have set, not what was left of it here.
    assert late.seconds == LONG


# Paths that have to be resolved first


def follow(known, answers, resolve, seconds=LONG):
    storage = Storage(**answers)
    guard = Guard(Settings(), storage.read, LONG, resolve)
    needs = Needs(known, {MOUNT: [("disk vda", f"{MOUNT}/x")]})
    return guard.verdict("run", needs, time.monotonic() + seconds), storage


def test_a_path_that_leads_to_a_flagged_domain():
    verdict, _ = follow([], {A: FLAGGED}, lambda paths: ([need(A)], [], None))
    assert verdict.findings[0].flag.value


def test_a_path_that_leads_to_a_domain_that_cannot_be_read():
    answers = {A: errors.DomainNotFound(A)}
    verdict, _ = follow([], answers, lambda paths: ([need(A)], [], None))
    assert verdict.findings[0].error.code == errors.DomainNotFound.code


def test_a_path_that_leads_to_no_domain():
    assert follow([], {}, lambda paths: ([], [], None))[0].allowed
    answers = {A: NotADomain("/x")}
    found = ([need(A, candidate=True)], [], None)
    assert follow([], answers, lambda paths: found)[0].allowed


def test_a_path_that_leads_where_it_is_known_to_be():
    verdict, storage = follow(
        [need(A)], {A: FLAGGED}, lambda p: ([need(A)], [], None)
    )
    assert storage.read_from == [Location(A)]
    assert len(verdict.findings) == 1


def fail(paths):
    return [], paths, errors.StorageTimeout("x", 1)


def fall_over(paths):
    raise ZeroDivisionError("x")


def test_a_look_that_fails_says_nothing():
    verdict, _ = follow([], {}, fall_over)
    (found,) = verdict.findings
    assert isinstance(found.error, errors.InternalError)
    assert MOUNT in found.title


def test_what_a_look_has_found_counts_though_it_hangs():
    """A flag is told as such, also where on_unreadable lets others go on."""

    def half(paths):
        left = [("disk vdb", f"{MOUNT}/y")]
        return [need(A)], left, errors.StorageTimeout("x", 1)

    verdict, _ = follow([], {A: FLAGGED}, half)
    assert [found.flag is None for found in verdict.findings] == [False, True]
    assert verdict.findings[1].devices == ["disk vdb"]


def test_what_a_look_has_found_is_read_side_by_side():
    needs = Needs([need(C)], {MOUNT: [("disk vda", f"{MOUNT}/x")]})
    found = ([need(A), need(B), need(C)], [], None)
    with reading_side_by_side() as read:
        guard = Guard(Settings(), read, LONG, lambda paths: found)
        verdict = guard.verdict("run", needs, time.monotonic() + 1)
    assert [f.domain for f in verdict.findings] == [A, B, C]
    assert verdict.findings[2].flag is None


def test_a_path_that_cannot_be_resolved_may_lead_anywhere():
    verdict, _ = follow([], {}, fail)
    assert not verdict.allowed
    assert verdict.findings[0].devices == ["disk vda"]
    # Also if its domain, as far as it is known, has no flag.
    verdict, _ = follow([need(A)], {A: lines(A)}, fail)
    assert not verdict.allowed


def test_a_path_that_cannot_be_resolved_is_refused_once():
    """What is said of its domain is said in better words."""
    for answer in (FLAGGED, errors.StorageTimeout("its storage", 1)):
        verdict, _ = follow([need(A)], {A: answer}, fail)
        (found,) = verdict.findings
        assert found.domain == A


def test_a_look_that_hangs():
    end = threading.Event()
    try:
        verdict, _ = follow([], {}, lambda paths: end.wait(LONG), 0.1)
    finally:
        end.set()
    assert isinstance(verdict.findings[0].error, errors.StorageTimeout)

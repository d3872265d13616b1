# SPDX-License-Identifier: GPL-2.0-or-later
"""A LUN, of which only who reads it can tell the domain."""

import pytest

from tests.unit.guard.verdict_test import (
    FLAGGED,
    A,
    B,
    lines,
    need,
    verdict_of,
)
from vdsm_backup import errors
from vdsm_backup.vm.paths import LUN, NotADomain

DEVICE = "/dev/mapper/36001405a"


def lun_verdict(answer, *needs):
    lun = need("", kind=LUN, directory=DEVICE, candidate=True)
    return verdict_of({"": answer, A: FLAGGED}, lun, *needs).findings


def test_a_lun_of_a_flagged_domain():
    (found,) = lun_verdict(FLAGGED)
    assert (found.domain, found.title) == (A, "backups")
    assert found.devices == ["disk vda"]
    # The domain is told once, also where a path leads to it.
    (found,) = lun_verdict(FLAGGED, need(A, "disk vdb"))
    assert found.devices == ["disk vda", "disk vdb"]


@pytest.mark.parametrize("answer", [lines(B), NotADomain(DEVICE)])
def test_a_lun_that_is_allowed(answer):
    assert lun_verdict(answer) == []


@pytest.mark.parametrize(
    "answer", [errors.StorageTimeout("lvm pvs", 30), [], ["no metadata"]]
)
def test_a_lun_that_cannot_be_read(answer):
    (found,) = lun_verdict(answer)
    assert (found.domain, found.title) == (DEVICE, f"(on {DEVICE})")
    assert found.flag is None
    if not isinstance(answer, Exception):
        assert DEVICE in str(found.error)


def test_a_lun_of_a_domain_that_is_damaged():
    """As far as it is known, the domain is told."""
    (found,) = lun_verdict(lines(A, BACKUP="maybe"))
    assert isinstance(found.error, errors.InvalidFlag)
    assert A in str(found.error)

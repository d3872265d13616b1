# SPDX-License-Identifier: GPL-2.0-or-later
"""What an error of the writer after "commit" says of the write."""

import pytest

from vdsm_backup import errors
from vdsm_backup.change import write

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.mark.parametrize(
    "error, step, ended, failed",
    [
        # The call that writes has come back with an error.
        (errors.WriteFailed(SD, "commit", "no space"), "commit", True, True),
        (errors.OutcomeUnknown(SD, "EIO"), "commit", False, False),
        # It has not come back.
        (errors.StorageTimeout("vgchange", 3), "commit", False, False),
        # It has come back without an error, and what came after has failed.
        (errors.WriteFailed(SD, "confirm", "EIO"), "confirm", True, False),
        (errors.OutcomeUnknown(SD, "changed"), "confirm", True, False),
        (errors.DamagedMetadata(SD, "torn"), "confirm", True, False),
        (errors.StorageTimeout("pvs", 3), "confirm", True, False),
    ],
)
def test_unsettled(error, step, ended, failed):
    unsettled = write._unsettled(error, step)
    assert (unsettled.ended, unsettled.failed) == (ended, failed)


def test_cause_does_not_say_that_nothing_was_changed():
    error = errors.WriteFailed(SD, "confirm", "fsync of dom_md: no")
    cause = write._unsettled(error, "confirm").cause
    assert cause == "confirming the new metadata failed: fsync of dom_md: no"

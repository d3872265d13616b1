# SPDX-License-Identifier: GPL-2.0-or-later
"""Who tells the journal: VDSM, or we."""

import pytest

from tests.support import world
from vdsm_backup import errors
from vdsm_backup.change import through_vdsm
from vdsm_backup.host.vdsm_client import (
    METHOD_NOT_FOUND,
    Plugin,
    Refused,
    Unanswered,
)
from vdsm_backup.users.users import Users


def told(storage, ours, vdsm, error=None):
    """Whether VDSM is taken to have told of it."""
    its = ours.of(storage)
    try:
        through_vdsm.change_flag(storage, world.SET, its, vdsm)
    except errors.Error as e:
        assert isinstance(e, error), e
    else:
        assert error is None
    assert its.attempt.before is False
    return its.attempt.was_told


def test_vdsm_tells_of_what_it_has_done(storage, ours, vdsm):
    assert told(storage, ours, vdsm)
    # We were not asked for anything.
    its = ours.of(storage)
    through_vdsm.change_flag(storage, world.SET, its, vdsm)
    assert not its.attempt.was_told


def test_vdsm_tells_of_what_it_refuses(storage, ours, vdsm):
    vdsm.fails["set"] = Refused(errors.DomainInUse.code, "VM web1")
    assert told(storage, ours, vdsm, errors.DomainInUse)


@pytest.mark.parametrize("error", [None, errors.DomainInUse])
def test_an_older_plugin_does_not_tell(storage, ours, vdsm, error):
    vdsm.has = Plugin(takes_by=False)
    if error:
        vdsm.fails["set"] = Refused(error.code, "VM web1")
    assert not told(storage, ours, vdsm, error)


def test_nobody_tells_if_it_was_not_asked(storage, ours, vdsm):
    ours.users = [Users(["VM web1"])]
    assert not told(storage, ours, vdsm, errors.DomainInUse)
    ours.users = [Users()]
    vdsm.fails["set"] = Refused(METHOD_NOT_FOUND, "no such verb")
    assert not told(storage, ours, vdsm, errors.DomainAttached)
    vdsm.has = None
    assert not told(storage, ours, vdsm, errors.DomainAttached)


def test_nobody_knows_whether_it_tells_if_it_does_not_answer(
    storage, ours, vdsm
):
    vdsm.fails["set"] = Unanswered("died")
    assert not told(storage, ours, vdsm, errors.OutcomeUnknown)


def test_we_tell_if_storage_says_otherwise(storage, ours, vdsm):
    vdsm.set_backup = lambda *args: {"changed": True}
    assert not told(storage, ours, vdsm, errors.NotAsAnswered)

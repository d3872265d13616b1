# SPDX-License-Identifier: GPL-2.0-or-later
"""A write that fails, or whose end nobody knows, on a domain in memory."""

import pytest

from tests.support.world import SET, make, other_wins, read_flag
from vdsm_backup import errors
from vdsm_backup.change import steps
from vdsm_backup.change.write import Unsettled


def test_write_that_failed_but_is_there(world):
    storage = make()
    world.write_error = {1: Unsettled("killed", ended=False)}
    assert world.change(storage, SET).changed


def lost_write(storage, world, unsettled):
    world.write_error = {1: unsettled}
    storage.write = lambda old, new, step: None


def test_write_that_failed_where_somebody_else_has_changed_it(world):
    """As of a host that was frozen, and whose lease has expired."""
    storage = make()
    world.write_error = {
        1: Unsettled("rename: ENOENT", ended=True, failed=True)
    }
    other = other_wins(True, BACKUP_REASON="of the other")
    storage.write = lambda old, new, step: other(storage)
    with pytest.raises(errors.MetadataChanged) as e:
        world.change(storage, SET)
    assert "nothing was written" in str(e.value)
    assert read_flag(storage).reason == "of the other"


def test_write_that_came_to_its_end_where_somebody_else_has_changed_it(
    world,
):
    """It may have been there before. What is there now is whole, and known."""
    storage = make()
    world.write_error = {1: Unsettled("fsync: EIO", ended=True)}
    other = other_wins(True, BACKUP_REASON="of the other", BACKUP_BY="b@c")
    storage.write = lambda old, new, step: other(storage)
    with pytest.raises(errors.ChangedByOther) as e:
        world.change(storage, SET)
    assert "by b@c, reason: of the other" in str(e.value)
    assert "vdsm-backup-domain show" in e.value.hint_lines()[0]


@pytest.mark.parametrize(
    "spoil, error",
    [
        (lambda lines: lines[:-1], errors.SealMissing),
        (lambda lines: ["A=1", *lines], errors.SealBroken),
        (lambda lines: ["CLASS=Iso", *lines], errors.DamagedMetadata),
        (lambda lines: [], errors.NotMetadata),
    ],
)
def test_write_that_came_to_its_end_where_somebody_else_has_damaged_it(
    world, spoil, error
):
    storage = make()
    world.write_error = {1: Unsettled("fsync: EIO", ended=True)}

    def write(old, new, step):
        storage.lines = spoil(new)

    storage.write = write
    with pytest.raises(error):
        world.change(storage, SET)


def test_write_that_may_still_come_over_what_somebody_else_wrote(
    world, monkeypatch
):
    monkeypatch.setattr(steps, "LINGER", 0)
    storage = make()
    world.write_error = {1: Unsettled("timed out", ended=False)}
    storage.write = lambda old, new, step: other_wins(True)(storage)
    with pytest.raises(errors.OutcomeUnknown) as e:
        world.change(storage, SET)
    assert "timed out; somebody else has changed" in str(e.value)


def test_write_that_ended_with_an_error_and_is_there_is_told(world):
    """Its directory may not be on disk."""
    storage = make()
    cause = "confirm failed: fsync of dom_md: Input/output error"
    world.write_error = {1: Unsettled(cause, ended=True)}
    result = world.change(storage, SET)
    assert result.changed
    told = [note for note in result.notes if note.endswith(cause)]
    assert len(told) == 1 and "may still undo it" in told[0]


def test_write_that_has_replaced_what_somebody_else_wrote(world):
    """A crash does not undo it."""
    cause = "it has replaced what somebody else wrote meanwhile"
    world.write_error = {1: Unsettled(cause, ended=True, durable=True)}
    result = world.change(make(), SET)
    told = [note for note in result.notes if note.endswith(cause)]
    assert len(told) == 1 and "undo" not in told[0]


def test_write_that_ended_and_is_not_there(world):
    storage = make()
    lost_write(storage, world, Unsettled("rename: EIO", ended=True))
    with pytest.raises(errors.WriteFailed) as e:
        world.change(storage, SET)
    assert "EIO" in str(e.value)


def test_write_that_may_still_come_is_unknown(world, monkeypatch):
    monkeypatch.setattr(steps, "LINGER", 0)
    storage = make()
    lost_write(storage, world, Unsettled("timed out", ended=False))
    with pytest.raises(errors.OutcomeUnknown):
        world.change(storage, SET)


def test_write_that_cannot_be_read_back_is_unknown(world):
    storage = make()
    world.write_error = {1: Unsettled("killed", ended=True)}
    write = storage.write

    def write_then_hang(old, new, step):
        write(old, new, step)
        storage.faults["read"] = errors.StorageTimeout("storage", 30)

    storage.write = write_then_hang
    with pytest.raises(errors.OutcomeUnknown) as e:
        world.change(storage, SET)
    assert "did not answer" in str(e.value)

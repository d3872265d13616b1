# SPDX-License-Identifier: GPL-2.0-or-later
"""What VDSM says, and what is on storage then."""

import pytest

from tests.support import world
from tests.support.vdsm.changing import change, refused
from vdsm_backup import errors
from vdsm_backup.host.vdsm_client import (
    Refused,
    Unanswered,
)
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines


def test_vdsms_refusal_is_our_own(storage, ours, vdsm):
    vdsm.fails["set"] = Refused(975, "Storage domain x is in use: VM a")
    with pytest.raises(errors.DomainInUse) as e:
        change(storage, ours, vdsm)
    assert str(e.value) == "Storage domain x is in use: VM a"
    assert e.value.refusal
    assert "stop the VMs" in e.value.hint_lines()[0]


def test_a_vdsm_without_the_plugin(storage, ours, vdsm):
    vdsm.has = None
    assert "has no plugin" in refused(storage, ours, vdsm)
    assert vdsm.asked == []


def test_an_error_of_vdsms_own_may_come_after_the_write(storage, ours, vdsm):
    vdsm.fails["set"] = Refused(652, "cannot release the lock")
    text = refused(storage, ours, vdsm, errors.OutcomeUnknown)
    assert "VDSM's error 652: cannot release the lock" in text


def test_a_change_that_cannot_be_read_was_made(storage, ours, vdsm):
    hung = errors.StorageTimeout("storage", 1)

    def set_backup(*args):
        storage.faults["read"] = hung
        return {"changed": True, "notes": []}

    vdsm.set_backup = set_backup
    result = change(storage, ours, vdsm)
    assert result.changed
    assert flag.read(md_lines.parse(result.lines).values, world.SD).value
    assert "reading it failed: storage did not answer" in result.notes[-1]


def claim(storage, lines, changed=True):
    """A set_backup that leaves these lines, and answers that all is well."""

    def set_backup(*args):
        storage.lines = lines
        return {"changed": changed, "notes": []}

    return set_backup


@pytest.mark.parametrize("changed", [True, False])
def test_a_change_that_is_not_on_storage(storage, ours, vdsm, changed):
    vdsm.set_backup = claim(storage, list(storage.lines), changed)
    text = refused(storage, ours, vdsm, errors.NotAsAnswered)
    assert "storage says otherwise: it is not a backup domain" in text


def test_a_clear_that_is_not_on_storage(storage, ours, vdsm):
    change(storage, ours, vdsm)
    vdsm.set_backup = claim(storage, list(storage.lines))
    with pytest.raises(errors.NotAsAnswered) as e:
        change(storage, ours, vdsm, world.CLEAR)
    assert "it is a backup domain, since" in str(e.value)


def test_a_change_with_another_reason_on_storage(storage, ours, vdsm):
    lines = md_lines.flush(
        flag.apply(
            md_lines.parse(storage.lines).values, flag.Flag(True, "other")
        )
    )
    vdsm.set_backup = claim(storage, lines)
    with pytest.raises(errors.NotAsAnswered) as e:
        change(storage, ours, vdsm)
    assert "reason: other" in str(e.value)


@pytest.mark.parametrize(
    "lines, error",
    [
        ([], errors.NotMetadata),
        (["A=1", *world.make(POOL_UUID=world.POOL).lines], errors.SealBroken),
    ],
)
def test_a_change_that_left_no_metadata(storage, ours, vdsm, lines, error):
    vdsm.set_backup = claim(storage, lines)
    with pytest.raises(error):
        change(storage, ours, vdsm)


def test_metadata_that_is_gone_after_the_change(storage, ours, vdsm):
    def set_backup(*args):
        storage.faults["read"] = errors.MetadataMissing(world.SD, "metadata")
        return {"changed": True, "notes": []}

    vdsm.set_backup = set_backup
    with pytest.raises(errors.MetadataMissing):
        change(storage, ours, vdsm)


def test_an_answer_that_lacks_something(storage, ours, vdsm):
    real = vdsm.set_backup
    vdsm.set_backup = lambda *args: real(*args) and {}
    result = change(storage, ours, vdsm)
    assert result.changed
    assert result.lines == storage.lines


# VDSM answers 982 also where somebody else has changed the domain: a verb has
# no code of its own for that.


def unknown(storage, then):
    def set_backup(*args):
        then(storage)
        raise Refused(982, "changed by somebody else")

    return set_backup


def test_unknown_to_vdsm_and_changed_by_somebody_else(storage, ours, vdsm):
    other = world.other_wins(True, BACKUP_REASON="of the other")
    vdsm.set_backup = unknown(storage, other)
    with pytest.raises(errors.ChangedByOther) as e:
        change(storage, ours, vdsm)
    assert "reason: of the other" in str(e.value)


def test_unknown_to_vdsm_and_as_before(storage, ours, vdsm):
    """It may still come."""
    vdsm.set_backup = unknown(storage, lambda storage: None)
    text = refused(storage, ours, vdsm, errors.OutcomeUnknown)
    assert text == "changed by somebody else"


def test_unknown_to_vdsm_and_there(storage, ours, vdsm):
    there = world.other_wins(True, BACKUP_REASON="why it is")
    vdsm.set_backup = unknown(storage, there)
    result = change(storage, ours, vdsm)
    assert result.changed
    assert any("VDSM could not tell" in note for note in result.notes)


def test_unknown_to_vdsm_and_unreadable(storage, ours, vdsm):
    def hang(storage):
        storage.faults["read"] = errors.StorageTimeout("storage", 1)

    vdsm.set_backup = unknown(storage, hang)
    refused(storage, ours, vdsm, errors.OutcomeUnknown)


def test_a_change_without_an_answer(storage, ours, vdsm):
    vdsm.fails["set"] = Unanswered("VDSM did not answer within 300 seconds")
    refused(storage, ours, vdsm, errors.OutcomeUnknown)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Putting copies back, on a domain in memory."""

import pytest

from tests.support.world import (
    CLEAR,
    POOL,
    SD,
    SET,
    kept,
    make,
    other_wins,
    vdsm_writes_too,
)
from vdsm_backup import errors
from vdsm_backup.change.request import Request
from vdsm_backup.users.users import Users


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.lines.clear(),
        lambda s: s.lines.append("A=1"),
        lambda s: s.lines.insert(0, "CLASS=Iso"),
        lambda s: s.lines.insert(0, "torn"),
        lambda s: setattr(s, "lines", s.lines[:-1]),
    ],
)
def test_restore_of_broken_metadata(world, spoil):
    storage = make()
    copy = kept(world, storage)
    spoil(storage)
    broken = list(storage.lines)
    result = world.restore(storage, copy)
    assert result.changed
    assert storage.lines == copy.lines
    if broken:
        assert world.history.get(SD, 2).lines == broken


def test_restore_when_only_the_flag_differs(world):
    storage = make()
    copy = kept(world, storage)
    world.restore(storage, copy)
    assert storage.lines == copy.lines


def test_restore_while_vdsm_writes(world):
    storage = make()
    copy = kept(world, storage)
    vdsm_writes_too(storage)
    result = world.restore(storage, copy)
    assert result.lines == storage.lines
    assert "KEY=x" in result.lines


def test_restore_refuses_to_undo_what_is_not_ours(world):
    storage = make()
    copy = kept(world, storage)
    other_wins(True, DESCRIPTION="renamed")(storage)
    before = list(storage.lines)
    with pytest.raises(errors.RestoreRefused) as e:
        world.restore(storage, copy)
    assert "DESCRIPTION" in str(e.value)
    assert storage.lines == before


def test_restore_of_what_is_there(world):
    storage = make()
    copy = kept(world, storage)
    storage.lines = list(copy.lines)
    result = world.restore(storage, copy)
    assert not result.changed
    assert world.log == []


def test_restore_when_unreachable_is_an_error(world):
    storage = make()
    copy = kept(world, storage)
    storage.faults["read"] = errors.StorageTimeout("storage", 30)
    with pytest.raises(errors.StorageTimeout):
        world.restore(storage, copy)


def test_restore_of_a_broken_copy_is_refused(world):
    storage = make()
    world.history.keep(storage, ["A=1"], "me", "restore")
    copy = world.history.get(SD, 1)
    with pytest.raises(errors.NotMetadata):
        world.restore(storage, copy)


def test_restore_of_a_set_flag_looks_for_users(world):
    storage = make()
    world.change(storage, SET)
    world.change(storage, CLEAR)
    copy = world.history.get(SD, 2)
    assert "BACKUP=True" in copy.lines
    world.users = [Users(["VM web1"], [], [])]
    with pytest.raises(errors.DomainInUse):
        world.restore(storage, copy)


def test_restore_of_an_attached_domain_needs_pool_is_gone(world):
    storage = make(POOL_UUID=POOL)
    world.history.keep(storage, storage.lines, "me", "set")
    copy = world.history.get(SD, 1)
    storage.lines = []
    with pytest.raises(errors.DomainAttached):
        world.restore(storage, copy)
    request = Request("restore", pool_is_gone=True)
    assert world.restore(storage, copy, request).changed


@pytest.mark.parametrize(
    "error",
    [
        errors.MetadataUnreadable(SD, "Input/output error"),
        errors.MetadataUnreadable(SD, "the worker has ended"),
        errors.LvmFailed("pvs", 5, "no"),
        errors.VolumeGroupUnsafe(SD, "duplicate PVs"),
    ],
)
def test_restore_of_what_may_be_whole_is_refused(world, error):
    storage = make()
    copy = kept(world, storage)
    other_wins(True, DESCRIPTION="renamed")(storage)
    before = list(storage.lines)
    storage.faults["read"] = error
    with pytest.raises(type(error)):
        world.restore(storage, copy)
    assert storage.lines == before
    assert world.log == []


def test_restore_of_what_is_gone(world):
    storage = make()
    copy = kept(world, storage)
    storage.faults["read"] = errors.MetadataMissing(SD, "metadata")
    result = world.restore(storage, copy)
    assert result.changed
    assert storage.lines == copy.lines


@pytest.mark.parametrize(
    "spoil", [lambda x: x[:-1], lambda x: ["A=1", *x]], ids=["seal", "line"]
)
def test_restore_of_a_domain_that_was_attached_since(world, spoil):
    storage = make()
    copy = kept(world, storage)
    other_wins(True, POOL_UUID=POOL)(storage)
    storage.lines = spoil(storage.lines)
    before = list(storage.lines)
    with pytest.raises(errors.DomainAttached):
        world.restore(storage, copy)
    world.vdsm = "it answers"
    request = Request("restore", pool_is_gone=True)
    with pytest.raises(errors.VdsmRunning):
        world.restore(storage, copy, request)
    assert storage.lines == before


@pytest.mark.parametrize("left", [[], None])
def test_restore_where_the_pool_is_not_known_needs_vdsm_stopped(world, left):
    storage = make()
    copy = kept(world, storage)
    if left is None:
        storage.faults["read"] = errors.MetadataMissing(SD, "metadata")
    else:
        storage.lines = left
    world.vdsm = "it answers"
    with pytest.raises(errors.VdsmRunning):
        world.restore(storage, copy)
    assert world.log == []


def test_restore_where_somebody_was_first(world):
    storage = make()
    copy = kept(world, storage)
    storage.lines.insert(0, "A=1")
    world.under_lease = other_wins(True, DESCRIPTION="mended")
    with pytest.raises(errors.MetadataChanged):
        world.restore(storage, copy)
    assert "write" not in world.log


def test_the_result_has_what_was_replaced(world):
    storage = make()
    copy = kept(world, storage)
    before = list(storage.lines)
    for dry_run in (True, False):
        request = Request("restore", dry_run=dry_run)
        result = world.restore(storage, copy, request)
        assert result.before == before
    storage.faults["read"] = errors.MetadataMissing(SD, "metadata")
    result = world.restore(storage, copy)
    assert result.before is None

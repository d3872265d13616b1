# SPDX-License-Identifier: GPL-2.0-or-later
"""The story of a change, on a domain in memory."""

import contextlib
import dataclasses

import pytest

from tests.support.world import (
    CLEAR,
    NOBODY,
    POOL,
    SD,
    SET,
    World,
    make,
    other_wins,
    vdsm_writes_too,
)
from vdsm_backup import errors
from vdsm_backup.change import change, history
from vdsm_backup.change.change import Request
from vdsm_backup.change.write import Unsettled
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users.users import Users


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "history")


def read_flag(storage):
    return change.checked(storage).flag


def test_set(world):
    storage = make()
    result = world.change(storage, SET)
    assert result.changed
    assert result.lines == storage.lines
    seen = read_flag(storage)
    assert (seen.value, seen.reason, seen.by) == (
        True,
        "why it is",
        "admin@host1",
    )
    assert seen.origin == storage.origin()
    assert NOBODY.notes[0] in result.notes


def test_order_of_things(world):
    world.change(make(), SET)
    size = (1024**2, 512)
    assert world.log == [
        "users",
        ("lease", size),
        "write",
        "users",
        "release",
    ]


def test_clear_keeps_the_story_and_asks_nobody(world):
    storage = make()
    world.change(storage, SET)
    world.log.clear()
    world.change(storage, CLEAR)
    seen = read_flag(storage)
    assert (seen.value, seen.reason) == (False, "done with it")
    assert "users" not in world.log


def test_nothing_to_change_writes_nothing(world):
    storage = make()
    world.change(storage, SET)
    before = list(storage.lines)
    world.log.clear()
    result = world.change(storage, SET)
    assert not result.changed
    assert storage.lines == before
    assert world.log == []


def test_another_reason_is_a_change_but_keeps_the_origin(world):
    storage = make()
    world.change(storage, SET)
    storage.found_at = "elsewhere"
    then = read_flag(storage).origin
    other = Request("set", reason="another")
    assert world.change(storage, other).changed
    assert read_flag(storage).origin == then != storage.origin()


def test_accept_origin_stamps_anew(world):
    storage = make()
    world.change(storage, SET)
    storage.found_at = "elsewhere"
    accept = Request("set", reason="why it is", accept_origin=True)
    assert world.change(storage, accept).changed
    assert read_flag(storage).origin == storage.origin()
    assert not world.change(storage, accept).changed


def test_a_copy_is_kept_before_the_write(world):
    storage = make()
    before = list(storage.lines)
    world.change(storage, SET)
    copy = world.history.get(SD, 1)
    assert copy.lines == before
    assert (copy.action, copy.by) == ("set", "admin@host1")


def test_without_a_copy_nothing_is_changed(world, tmp_path):
    storage = make()
    before = list(storage.lines)
    world.history = history.History(str(tmp_path / "file" / "dir"))
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(errors.HistoryFailed):
        world.change(storage, SET)
    assert storage.lines == before
    assert "write" not in world.log


def test_dry_run(world):
    storage = make()
    before = list(storage.lines)
    request = Request("set", reason="why it is", dry_run=True)
    result = world.change(storage, request)
    assert result.changed
    assert md_lines.parse(result.lines).values[flag.BACKUP] == "True"
    assert storage.lines == before
    assert world.log == ["users"]


@pytest.mark.parametrize(
    "overrides, error",
    [
        ({"version": 3}, errors.UnsupportedVersion),
        ({"CLASS": "Iso"}, errors.UnsupportedClass),
        ({"CLASS": "Backup"}, errors.UnsupportedClass),
        ({"BACKUP": "maybe"}, errors.InvalidFlag),
        ({"POOL_UUID": POOL}, errors.DomainAttached),
        ({"ALIGNMENT": "1000"}, errors.DamagedMetadata),
        ({"ALIGNMENT": None}, errors.DamagedMetadata),
        ({"BLOCK_SIZE": "x"}, errors.DamagedMetadata),
    ],
)
@pytest.mark.parametrize("request_", [SET, CLEAR], ids=["set", "clear"])
def test_refused_before_the_lease(world, overrides, error, request_):
    storage = make(**overrides)
    if request_ is CLEAR and "BACKUP" not in overrides:
        storage.lines = md_lines.flush(
            flag.apply(md_lines.parse(storage.lines).values, flag.Flag(True))
        )
    before = list(storage.lines)
    with pytest.raises(error):
        world.change(storage, request_)
    assert storage.lines == before
    assert "write" not in world.log
    assert not any(entry[0] == "lease" for entry in world.log)


@pytest.mark.parametrize(
    "spoil, error",
    [
        (lambda lines: lines[:-1], errors.SealMissing),
        (lambda lines: ["A=1", *lines], errors.SealBroken),
        (lambda lines: ["CLASS=Iso", *lines], errors.DamagedMetadata),
        (lambda lines: ["torn", *lines], errors.DamagedMetadata),
        (lambda lines: [], errors.NotMetadata),
    ],
)
def test_broken_metadata_is_not_written(world, spoil, error):
    storage = make()
    storage.lines = spoil(storage.lines)
    before = list(storage.lines)
    with pytest.raises(error):
        world.change(storage, SET)
    assert storage.lines == before


def test_hosted_engine(world):
    world.hosted_engine = SD
    with pytest.raises(errors.HostedEngineDomain):
        world.change(make(), SET)
    assert world.log == []


@pytest.mark.parametrize(
    "users",
    [Users(["VM web1 (disk vda)"], [], []), Users([], ["image x"], [])],
)
def test_refused_while_in_use(world, users):
    world.users = [users]
    with pytest.raises(errors.DomainInUse) as e:
        world.change(make(), SET)
    assert (users.blocking + users.images)[0] in str(e.value)
    assert world.log == ["users"]


def test_despite_open_images(world):
    world.users = [Users([], ["image x is open"], [])]
    request = Request("set", reason="r", despite_open_images=True)
    result = world.change(make(), request)
    assert "image x is open" in result.notes


def test_a_vm_is_refused_despite_open_images(world):
    world.users = [Users(["VM web1"], [], [])]
    request = Request("set", reason="r", despite_open_images=True)
    with pytest.raises(errors.DomainInUse):
        world.change(make(), request)


def test_user_that_comes_during_the_write_undoes_it(world):
    storage = make()
    before = list(storage.lines)
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    with pytest.raises(errors.FlagUndone) as e:
        world.change(storage, SET)
    assert "VM web1" in str(e.value)
    assert str(e.value).endswith(": the flag was taken back")
    assert storage.lines == before
    # Both writes under one lease.
    assert world.log.count("write") == 2
    assert sum(entry[0] == "lease" for entry in world.log) == 1


def test_the_last_look_goes_on_for_a_while(world, monkeypatch):
    storage = make()
    world.users = [NOBODY, NOBODY, NOBODY, Users(["VM web1"], [], [])]
    monkeypatch.setattr(change.time, "sleep", lambda seconds: None)
    with pytest.raises(errors.FlagUndone):
        world.change(storage, SET, settle=60)
    assert world.log.count("users") == 4


def test_undo_that_fails_leaves_the_flag_set(world):
    storage = make()
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    world.write_error = {2: errors.WriteFailed(SD, "create", "no space")}
    storage.faults = {}
    writes = storage.write

    def write(old, new, step):
        if world.log.count("write") == 2:
            return
        writes(old, new, step)

    storage.write = write
    with pytest.raises(errors.UndoFailed) as e:
        world.change(storage, SET)
    assert "VM web1" in str(e.value) and "no space" in str(e.value)
    assert read_flag(storage).value is True


def test_lease_refused(world):
    storage = make()
    before = list(storage.lines)
    world.lease_error = errors.LeaseBusy(SD, "host id 3")
    with pytest.raises(errors.LeaseBusy):
        world.change(storage, SET)
    assert storage.lines == before


@pytest.mark.parametrize(
    "play", [other_wins(True), other_wins(False, POOL_UUID=POOL)]
)
def test_somebody_was_first(world, play):
    storage = make()
    world.under_lease = play
    with pytest.raises(errors.MetadataChanged):
        world.change(storage, SET)
    assert "write" not in world.log


def test_other_keys_changed_meanwhile_are_kept(world):
    storage = make(BACKUP="False")
    world.under_lease = other_wins(False, DESCRIPTION="renamed")
    world.change(storage, SET)
    values = md_lines.parse(storage.lines).values
    assert values["DESCRIPTION"] == "renamed"
    assert values[flag.BACKUP] == "True"


def test_pool_is_gone(world):
    storage = make(POOL_UUID=POOL)
    request = Request("set", reason="r", pool_is_gone=True)
    world.change(storage, request)
    assert read_flag(storage).value is True
    assert change.checked(storage).pool == POOL


def test_pool_is_not_gone_while_vdsm_runs(world):
    world.vdsm = "it answers"
    request = Request("set", reason="r", pool_is_gone=True)
    with pytest.raises(errors.VdsmRunning, match=f"{POOL}.*: it answers"):
        world.change(make(POOL_UUID=POOL), request)
    assert world.log == []


def test_vdsm_that_starts_while_the_lease_is_taken(world):
    storage = make(POOL_UUID=POOL)
    world.under_lease = lambda storage: setattr(world, "vdsm", "it answers")
    request = Request("set", reason="r", pool_is_gone=True)
    with pytest.raises(errors.VdsmRunning):
        world.change(storage, request)
    assert "write" not in world.log


def test_vdsm_may_run_beside_a_detached_domain(world):
    world.vdsm = "it answers"
    assert world.change(make(), SET).changed


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
    monkeypatch.setattr(change, "LINGER", 0)
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
    monkeypatch.setattr(change, "LINGER", 0)
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


def flagged_before(world):
    """A flagged domain that is to get another reason, and comes into use."""
    storage = make()
    world.change(storage, SET)
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    return storage, list(storage.lines)


def test_undone_where_only_the_reason_was_changed(world):
    storage, before = flagged_before(world)
    with pytest.raises(errors.FlagUndone) as e:
        world.change(storage, Request("set", reason="another"))
    assert storage.lines == before
    assert "the flag was taken back" not in str(e.value)
    assert "it is a backup domain as before, reason: why it is" in str(e.value)


def test_undo_that_ended_with_an_error_and_is_there_is_told(world):
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    world.write_error = {2: Unsettled("fsync: EIO", ended=True)}
    with pytest.raises(errors.FlagUndone) as e:
        world.change(make(), SET)
    assert str(e.value).endswith("fsync: EIO")


@pytest.mark.parametrize(
    "flagged, error",
    [(True, errors.UndoFailed), (False, errors.ChangedByOther)],
)
def test_undo_where_somebody_else_was_first(world, flagged, error):
    """Whether the flag is still there is what storage says."""
    storage = make()
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    world.write_error = {2: errors.MetadataChanged(SD)}
    write = storage.write

    def or_other(old, new, step):
        if world.log.count("write") == 1:
            write(old, new, step)
        else:
            other_wins(flagged)(storage)

    storage.write = or_other
    with pytest.raises(error) as e:
        world.change(storage, SET)
    assert "VM web1" in str(e.value)


def test_undo_that_may_still_come(world, monkeypatch):
    """Then nobody can say that the domain stays flagged."""
    monkeypatch.setattr(change, "LINGER", 0)
    storage = make()
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    world.write_error = {2: Unsettled("timed out", ended=False)}
    write = storage.write

    def once(old, new, step):
        if world.log.count("write") == 1:
            write(old, new, step)

    storage.write = once
    with pytest.raises(errors.OutcomeUnknown) as e:
        world.change(storage, SET)
    assert "VM web1" in str(e.value) and "timed out" in str(e.value)


def test_changed_again_after_the_release_is_told(world):
    storage = make()
    lease = world.of(storage).lease

    @contextlib.contextmanager
    def lease_then_other(values):
        with lease(values) as held:
            yield held
        other_wins(False)(storage)

    result = world.change(storage, SET, lease=lease_then_other)
    assert result.changed
    assert any("changed again" in note for note in result.notes)
    assert result.lines == storage.lines != result.written


def test_destroyed_after_the_release_is_told(world):
    storage = make()
    lease = world.of(storage).lease

    @contextlib.contextmanager
    def lease_then_damage(values):
        with lease(values) as held:
            yield held
        storage.lines = ["A=1", *storage.lines]

    result = world.change(storage, SET, lease=lease_then_damage)
    assert isinstance(result.destroyed, errors.SealBroken)
    assert result.lines == result.written != storage.lines


def test_flag_as_the_user_knows_it(world):
    request = dataclasses.replace(SET, expected=True)
    with pytest.raises(errors.MetadataChanged):
        world.change(make(), request)
    assert world.log == []
    request = dataclasses.replace(SET, expected=False)
    assert world.change(make(), request).changed


def test_who_may_write_is_asked_again_under_the_lease(world):
    asked = []

    def may_write(pool, request):
        asked.append((pool, world.held))

    storage = make(POOL_UUID=POOL)
    world.change(storage, SET, require_may_write=may_write)
    assert asked == [(POOL, False), (POOL, True)]


# VDSM, which wrote at the same time: Lease.write() returns what it has merged


def test_what_was_merged_is_what_is_there(world):
    storage = make()
    vdsm_writes_too(storage)
    result = world.change(storage, SET)
    assert result.lines == storage.lines
    assert "KEY=x" in result.lines
    assert not any("changed again" in note for note in result.notes)


def test_undo_of_what_was_merged(world):
    storage = make()
    before = list(storage.lines)
    vdsm_writes_too(storage)
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    with pytest.raises(errors.FlagUndone):
        world.change(storage, SET)
    values = {**md_lines.parse(before).values, "KEY": "x"}
    assert storage.lines == md_lines.flush(values)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The flag is taken back where a user comes while it is set, on a domain in
memory.
"""

import pytest

from tests.support.world import (
    NOBODY,
    SD,
    SET,
    make,
    other_wins,
    read_flag,
    vdsm_writes_too,
)
from vdsm_backup import errors
from vdsm_backup.change import change, steps
from vdsm_backup.change.request import Request
from vdsm_backup.change.write import Unsettled
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users.users import Users


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
    monkeypatch.setattr(steps, "LINGER", 0)
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


def test_undo_of_what_was_merged(world):
    storage = make()
    before = list(storage.lines)
    vdsm_writes_too(storage)
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    with pytest.raises(errors.FlagUndone):
        world.change(storage, SET)
    values = {**md_lines.parse(before).values, "KEY": "x"}
    assert storage.lines == md_lines.flush(values)

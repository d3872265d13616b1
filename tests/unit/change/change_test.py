# SPDX-License-Identifier: GPL-2.0-or-later
"""The story of a change, on a domain in memory."""

import contextlib

import pytest

from tests.support.world import (
    CLEAR,
    NOBODY,
    POOL,
    SD,
    SET,
    make,
    other_wins,
    read_flag,
    vdsm_writes_too,
)
from vdsm_backup import errors
from vdsm_backup.change import history
from vdsm_backup.change.request import Request
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users.users import Users


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


def test_what_is_never_seen_of_other_hosts_is_no_note(world):
    """The lease of a detached domain tells that they do not use it."""
    world.users = [Users(elsewhere=["VMs of other hosts"])]
    assert world.change(make(), SET).notes == ()


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


# While the lease is taken, held, and given back


def test_who_may_write_is_asked_again_under_the_lease(world):
    asked = []

    def may_write(pool, request):
        asked.append((pool, world.held))

    storage = make(POOL_UUID=POOL)
    world.change(storage, SET, require_may_write=may_write)
    assert asked == [(POOL, False), (POOL, True)]


def test_other_keys_changed_meanwhile_are_kept(world):
    storage = make(BACKUP="False")
    world.under_lease = other_wins(False, DESCRIPTION="renamed")
    world.change(storage, SET)
    values = md_lines.parse(storage.lines).values
    assert values["DESCRIPTION"] == "renamed"
    assert values[flag.BACKUP] == "True"


def test_what_was_merged_is_what_is_there(world):
    storage = make()
    vdsm_writes_too(storage)
    result = world.change(storage, SET)
    assert result.lines == storage.lines
    assert "KEY=x" in result.lines
    assert not any("changed again" in note for note in result.notes)


def lease_then(world, storage, action):
    """A lease after which somebody else does something to the domain."""

    @contextlib.contextmanager
    def lease(values):
        with world.of(storage).lease(values) as held:
            yield held
        action(storage)

    return lease


def test_changed_again_after_the_release_is_told(world):
    storage = make()
    lease = lease_then(world, storage, other_wins(False))
    result = world.change(storage, SET, lease=lease)
    assert result.changed
    assert any("changed again" in note for note in result.notes)
    assert result.lines == storage.lines != result.written


def test_destroyed_after_the_release_is_told(world):
    def damage(storage):
        storage.lines = ["A=1", *storage.lines]

    storage = make()
    lease = lease_then(world, storage, damage)
    result = world.change(storage, SET, lease=lease)
    assert isinstance(result.destroyed, errors.SealBroken)
    assert result.lines == result.written != storage.lines

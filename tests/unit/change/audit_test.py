# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is told of an attempt, however it ends, on a domain in memory; the journal
is a list. What is on a host's real one: tests/integration/audit_test.py.
"""

import pytest

from tests.support.world import (
    CLEAR,
    NOBODY,
    SD,
    SET,
    make,
    other_wins,
    read_flag,
)
from vdsm_backup import errors
from vdsm_backup.change import attempt, audit, change, steps
from vdsm_backup.change.attempt import Attempt
from vdsm_backup.change.world import Unsettled
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users.users import Users

pytest_plugins = ["tests.support.journalentries"]


@pytest.fixture(autouse=True)
def no_linger(monkeypatch):
    monkeypatch.setattr(steps, "LINGER", 0)


def told(world, storage, request, entries):
    """Makes a change, and gives what was told of it: entry, record."""
    ours = world.of(storage)
    ours.attempt = Attempt(
        request.action, request.reason, "admin@host1", attempt.COMMAND
    )
    ours.attempt.sd_id = SD
    try:
        result = change.change(storage, request, ours)
    except Exception as e:
        assert audit.ended(ours.attempt, e) == ()
    else:
        assert audit.done(ours.attempt, result) == ()
    # Once, however often.
    audit.ended(ours.attempt, errors.LeaseLost(SD))
    (entry,) = entries
    copies, failed = world.history.all(SD)
    assert failed == []
    return entry, copies[-1] if copies else None


def brief(entry):
    names = ("action", "result", "before", "after", "code", "priority")
    return tuple(entry[name] for name in names)


def as_record(entry, copy):
    """The record says what the entry does."""
    after = {"True": True, "False": False, "unknown": None}[entry["after"]]
    assert (copy.number, copy.action) == (entry["copy"], entry["action"])
    assert (copy.result, copy.after) == (entry["result"], after)
    assert (copy.reason, copy.by) == (entry["reason"], entry["by"])
    assert (copy.code, copy.via) == (entry["code"], entry["via"])
    return True


def test_set(world, entries):
    entry, copy = told(world, make(DESCRIPTION="data1"), SET, entries)
    assert brief(entry) == ("set", "done", "False", "True", None, 5)
    assert entry["message"] == (
        f"set done: storage domain data1 ({SD}) is a backup domain now; by"
        " admin@host1: why it is"
    )
    assert (entry["domain"], entry["name"]) == (SD, "data1")
    assert (entry["by"], entry["reason"]) == ("admin@host1", SET.reason)
    assert (entry["via"], entry["copy"]) == ("command", 1)
    assert as_record(entry, copy)


def test_clear_takes_a_protection_off(world, entries):
    storage = make(BACKUP="True")
    entry, copy = told(world, storage, CLEAR, entries)
    assert brief(entry) == ("clear", "done", "True", "False", None, 4)
    assert as_record(entry, copy)
    assert copy.lines != storage.lines


def test_nothing_to_change(world, entries):
    storage = make()
    world.change(storage, SET)
    entry, copy = told(world, storage, SET, entries)
    assert brief(entry) == ("set", "done", "True", "True", None, 5)
    assert "nothing had to be changed" in entry["message"]
    assert entry["copy"] is None
    # The record is of the change before, whose end nobody told here.
    assert (copy.number, copy.result) == (1, "unknown")


def test_refused_before_a_copy_is_kept(world, entries):
    world.users = [Users(["VM web1"], [], [])]
    entry, copy = told(world, make(), SET, entries)
    assert brief(entry) == ("set", "refused", "False", "False", 975, 4)
    assert "VM web1" in entry["message"]
    assert copy is None


def test_failed_after_a_copy_was_kept(world, entries):
    world.write_error = {1: errors.WriteFailed(SD, "create", "no space")}
    storage = make()
    storage.write = lambda *args: None
    entry, copy = told(world, storage, SET, entries)
    assert brief(entry) == ("set", "failed", "False", "False", 970, 3)
    assert as_record(entry, copy)


def test_refused_after_a_copy_was_kept(world, entries):
    world.write_error = {1: errors.LeaseLost(SD)}
    storage = make(BACKUP="True")
    storage.write = lambda *args: None
    entry, copy = told(world, storage, CLEAR, entries)
    assert entry["result"] in ("refused", "failed")
    assert (entry["before"], entry["after"]) == ("True", "True")
    assert as_record(entry, copy)


def test_undone(world, entries):
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    storage = make()
    entry, copy = told(world, storage, SET, entries)
    assert brief(entry) == ("set", "undone", "False", "False", 989, 4)
    assert not read_flag(storage).value
    assert as_record(entry, copy)


def test_undone_to_a_flag_that_was_there(world, entries):
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    storage = make(BACKUP="True", BACKUP_REASON="older")
    entry, copy = told(world, storage, SET, entries)
    assert brief(entry)[1:4] == ("undone", "True", "True")
    assert as_record(entry, copy)


def test_an_undo_that_fails(world, entries):
    world.users = [NOBODY, Users(["VM web1"], [], [])]
    world.write_error = {2: errors.WriteFailed(SD, "create", "no space")}
    storage = make()
    write = storage.write
    storage.write = lambda *args: (
        write(*args) if world.log.count("write") == 1 else None
    )
    entry, copy = told(world, storage, SET, entries)
    assert brief(entry) == ("set", "failed", "False", "True", 983, 3)
    assert read_flag(storage).value
    assert as_record(entry, copy)


def test_unknown(world, entries):
    world.write_error = {1: Unsettled("killed", ended=False)}
    storage = make()
    storage.write = lambda *args: None
    entry, copy = told(world, storage, SET, entries)
    assert brief(entry) == ("set", "unknown", "False", "unknown", 982, 3)
    assert as_record(entry, copy)


def test_done_after_all(world, entries):
    world.write_error = {1: Unsettled("killed", ended=False)}
    entry, copy = told(world, make(), SET, entries)
    assert brief(entry) == ("set", "done", "False", "True", None, 5)
    assert as_record(entry, copy)


def test_a_protection_that_somebody_else_has_lost(world, entries):
    """What was there before says nothing of what is there now."""
    world.write_error = {1: Unsettled("killed", ended=True)}
    storage = make(BACKUP="True")
    storage.write = lambda *args: other_wins(False, KEY="x")(storage)
    entry, copy = told(world, storage, SET, entries)
    assert brief(entry) == ("set", "failed", "True", "unknown", 9610, 3)
    assert as_record(entry, copy)


def test_metadata_that_is_not_whole(world, entries):
    storage = make(DESCRIPTION="data1", BACKUP="True")
    storage.lines = storage.lines[:-1]
    entry, copy = told(world, storage, CLEAR, entries)
    assert brief(entry)[1:4] == ("failed", "unknown", "unknown")
    assert (entry["name"], copy) == ("data1", None)


def test_an_error_of_vdsm(entries):
    class SecureError(Exception):
        code = 654
        expected = True

    ours = Attempt("set", "why", "api@::1", attempt.VDSM)
    audit.ended(ours, SecureError("not the SPM"))
    ours.was_told = False
    audit.ended(ours, ZeroDivisionError("mine"))
    first, second = entries
    assert brief(first)[1:] == ("refused", "unknown", "unknown", 654, 4)
    assert brief(second)[1:] == ("failed", "unknown", "unknown", 999, 3)
    assert first["via"] == "vdsm"


def test_a_history_that_cannot_be_written(world, entries, monkeypatch):
    storage = make()
    ours = world.of(storage)
    result = change.change(storage, SET, ours)

    def conclude(*args):
        raise errors.HistoryFailed("dir", "no space")

    monkeypatch.setattr(ours.history, "conclude", conclude)
    (note,) = audit.done(ours.attempt, result)
    assert "no space" in note
    done, more = entries
    assert done["result"] == "done"
    assert (more["message"], more["priority"]) == (note, 4)
    assert "action" not in more


def test_harmless(world, entries):
    evil = "a\x1b[2J\nVDSM_BACKUP_RESULT=done"
    storage = make(DESCRIPTION=evil)
    # One line of metadata has no line feed; what is asked for may have one.
    storage.lines = md_lines.flush(
        {**md_lines.parse(storage.lines).values, "DESCRIPTION": evil}
    )
    entry, _ = told(world, storage, SET, entries)
    assert "\x1b" not in entry["message"]
    assert "\n" not in entry["message"]
    assert entry["name"] == evil


def test_interrupted(entries):
    ours = Attempt("clear", "why", "me@h", attempt.COMMAND)
    ours.sees(make(BACKUP="True").lines)
    error = errors.Interrupted(", nothing was changed")
    audit.ended(ours, error)
    assert brief(entries[0]) == (
        "clear",
        "interrupted",
        "True",
        "True",
        991,
        4,
    )
    ours.was_told = False
    ours.begins()
    audit.ended(ours, error)
    assert brief(entries[1])[1:4] == ("interrupted", "True", "unknown")
    assert entries[1]["priority"] == 3
    ours.was_told = False
    ours.written(make(BACKUP="False").lines)
    audit.ended(ours, error)
    assert brief(entries[2])[1:4] == ("interrupted", "True", "False")

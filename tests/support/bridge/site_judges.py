# SPDX-License-Identifier: GPL-2.0-or-later
"""
What holds in each sequence (site_sequence.py), whatever has happened in it.

Each judge looks at one domain. It yields what it has met, so that a test sees
that it has met all that it is about.
"""

from __future__ import annotations

from tests.support.bridge.site import PERSON, WORLD
from vdsm_backup.bridge import report
from vdsm_backup.bridge.shapes import Answer

TICKS = ("tick", "tick with word")
UNTICKS = ("untick", "untick with word")

# After these a bridge sees a domain for the first time.
FIRST_SIGHT = ("new epoch", "state lost", "import on", "import off")


# Never


def flag_goes_down_only_by_people(case):
    """I1: by an untick with the word, where bridge and host allow it."""
    for at, entry in case.acts("clear"):
        yield "clear"
        told = case.shown(at + 1)
        assert case.sequence.on_untick_clear, told
        assert case.sequence.allow_clear, told
        # The events of all but one may be lost: then the bridge cannot tell
        # them from one. But both has happened since it saw the box on.
        start = case.saw_on(at, entry.who)
        edits = [
            e.what
            for number, e in case.log
            if start <= number < at and e.who == PERSON
        ]
        offs = ["untick"]
        imported = case.last("import off", before=at)
        if not _knows_import(case, imported, entry.who):
            offs.append("import off")
        assert any(what.startswith(tuple(offs)) for what in edits), told
        assert any(what.endswith("with word") for what in edits), told


def _knows_import(case, at, *names):
    """
    Whether each of these bridges can tell that it is another one than that of
    the first sight: after a few looks no event can be older than that.
    """
    first = case.last(*FIRST_SIGHT, before=at)
    return case.looks("sees o", first, at, names) >= 3


def persons_clear_is_not_undone(case):
    """I1: not before somebody ticks the box again."""
    ends = {
        *((PERSON, what) for what in TICKS),
        (PERSON, "import on"),
        (PERSON, "set"),
        (WORLD, "write back on"),
        (WORLD, "restore unseen"),
    }
    for name in case.names:
        cleared = seen = older = False
        for at, entry in case.log:
            if (entry.who, entry.what) == (PERSON, "clear"):
                cleared, seen, older = True, False, False
            elif (entry.who, entry.what) in ends:
                cleared = False
            elif entry.what.startswith("write back"):
                # What nobody has seen of a clear is gone now.
                older = True
                cleared = cleared and seen
            elif entry.what in (*FIRST_SIGHT, "restore", "events are lost"):
                # With them the engine may have lost the newest one known.
                seen = False
                cleared = cleared and not older
            elif entry.who == name and "cleared by somebody" in entry.what:
                seen = True
            elif entry.who == name and entry.what == "set":
                yield "set"
                assert not cleared, case.shown(at + 1)
            elif entry.who in case.names and entry.what == "set":
                # Another bridge, which may not know of it: judged as its own.
                cleared = False


# What a bridge sees or does meanwhile does not make it another cause.
_OTHER_CAUSES = (
    *TICKS,
    "clear",
    "set",
    "removes it",
    "restore",
    "new epoch",
    "state lost",
    "write back",
    "import",
)


def ticks_are_repeated_once(case):
    """I3: each bridge undoes an untick at most once."""
    for name in case.names:
        ticks, unknown, imported = 0, False, False
        for at, (who, _, what, *_) in case.log:
            if who == name and what.startswith("sees") and imported:
                # The tick before this was still one of before the import.
                ticks, imported = 0, False
            if who == name and what == "put":
                ticks += 1
                yield f"{ticks} ticks"
                assert ticks <= 2, case.shown(at + 1)
            elif who == name and what in ("unsure", "killed"):
                # Nobody knows of that tick, until the box is seen on.
                unknown = True
            elif who == name and what.startswith("sees on"):
                unknown = False
            elif what in UNTICKS and unknown:
                ticks, unknown = 0, False
            elif what.startswith(_OTHER_CAUSES):
                ticks, imported = 0, what.startswith("import")


# In the end

_DOWN = ("clear", "write back off", "write back never")


def ends_as_the_table_says(case):
    if case.is_broken or case.last("tells of what is gone") > -1:
        # What is told of a domain that is removed meanwhile counts as told.
        return
    yield case.end
    told = case.shown()
    if case.domain.type != "data":
        if case.domain.backup:
            assert case.told("only data domains"), told
    elif case.end == "off/on":
        _is_unticked(case)
    elif case.end in ("on/off", "on/never"):
        _is_in_conflict(case)


def _is_unticked(case):
    """The box is off as a person has unticked it, and was told so."""
    told = case.shown()
    at = max(case.last(*UNTICKS), case.last("restore unseen"))
    again = case.last("import off")
    is_known = _knows_import(case, again, *case.names)
    if is_known and case.last("events are lost") < again:
        assert at > again, told
    else:
        at = max(at, again)
    assert at >= case.last("restore"), told
    # One that nobody has seen is none.
    seen = min(case.saw_on(at, name) for name in case.names)
    assert case.told("was unticked", seen), told
    # A flag that is set anew is another one than that of the untick.
    told_at = max(
        at for at, e in case.acts("tell") if "was unticked" in e.what
    )
    if case.last("write back on") < case.last("set"):
        assert not told_at < case.last("clear") < case.last("set"), told


def _is_in_conflict(case):
    """The flag was cleared, or nobody can tell, and somebody was told so."""
    told = case.shown()
    if case.domain.id in case.site.hosted_engine and case.told("own VM"):
        return
    stamps = case.site.stamps_off(case.domain.id)
    answers = [Answer(0, tell="conflict", about=stamp) for stamp in stamps]
    numbers = {report.number(answer, case.domain.id) for answer in answers}
    assert numbers & case.site.told.keys(), told
    tick = case.last(*TICKS, who=PERSON)
    if _may_be_of_a_bridge(case, tick):
        return
    if case.last(*_DOWN, *FIRST_SIGHT) < tick:
        # It counts from the second look at the flag that was cleared on.
        down = case.last(*_DOWN, *FIRST_SIGHT, "put", "unsure", before=tick)
        assert case.looks("sees off/off", down, tick) < 3, told


def _may_be_of_a_bridge(case, tick):
    """A tick without an event, where one of a bridge may be on its way."""
    if tick < 0 or case.site.log[tick].is_told:
        return False
    sees = [e.what for at, e in case.log if at < tick and "sees" in e.what]
    ours = [n for n, what in enumerate(sees) if "about to tick" in what]
    landed = [n for n, what in enumerate(sees) if what.startswith("sees on")]
    return max(ours, default=-1) > max(landed, default=-1)


# What has a say in what box and flag become, and what of it has an event.
_TURNS = (*TICKS, *UNTICKS, "import on", "import off", "restore")
_CAUSES = (*_TURNS, "clear", "set", "write back")

# What a bridge has seen that waits for a look at all domains.
_WAITS = ("on/unknown", "off/unknown", "row 18", "row 23", "row 25")


def what_has_an_event_is_soon_done(case):
    """Without a look at all domains; but what has failed has to wait."""
    if case.is_broken:
        return
    soon = case.sequence.marks["soon"]
    causes = [
        (at, entry)
        for at, entry in case.log
        if entry.who not in case.names and entry.what.startswith(_CAUSES)
    ]
    if not causes:
        return
    since, last = causes[-1]
    if last.what not in _TURNS or not last.is_told:
        return
    if case.last("events are lost", "clock changes") > since:
        return
    yield last.what
    for name in case.names & case.sequence.awake:
        if (name, case.domain.id) in case.sequence.waiting:
            continue
        looks = [
            entry.what
            for at, entry in case.log
            if at > since and entry.who == name
        ]
        if any(words in what for words in _WAITS for what in looks):
            continue
        for at, entry in case.log:
            late = at >= soon and entry.who == name
            assert not (late and entry.what in ("set", "put")), case.shown()


def all_activity_ends(case):
    """I4, and for all else. A bridge that starts again has nothing to do."""
    if case.is_broken:
        return
    for _, entry in case.since("late"):
        if entry.who in case.names:
            yield "look"
            assert entry.what.startswith("sees"), case.shown()


def what_is_shown_is_so(case):
    if case.is_broken:
        return
    for bridge in case.sequence.bridges:
        row = bridge.bridge.rows.get(case.domain.id)
        assert row is not None, case.shown()
        shown = f"{'on' if row.box else 'off'}/{row.flag}"
        yield shown
        if case.domain.type == "data":
            assert shown == case.end, case.shown()

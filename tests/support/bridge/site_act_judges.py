# SPDX-License-Identifier: GPL-2.0-or-later
"""
What holds of the acts of a bridge in each sequence, and of an untick that may
lead to one. The judges are as those in site_judges.py.
"""

from __future__ import annotations

from tests.support.bridge.site_judges import FIRST_SIGHT, UNTICKS

# After these a bridge may not know of its own tick, or when that was.
_FORGETS = (
    *FIRST_SIGHT,
    "restore",
    "restore unseen",
    "removes it",
    "events are lost",
    "clock changes",
    "killed",
)

_GRACE = 1800


def act_follows_another_look(case):
    """Right before it both sides are read once more, and are as before."""
    for at, seen in case.log:
        if seen.who not in case.names or "about to" not in seen.what:
            continue
        shown = seen.what.split()[1].rstrip(",")
        for number, entry in case.acts("set", "put", "clear"):
            if entry.who != seen.who or not seen.begin <= number < at:
                continue
            yield entry.what
            reads = [
                read
                for read in case.site.reads
                if (read.who, read.domain) == (seen.who, case.domain.id)
                and seen.begin <= read.before <= number
            ]
            told = case.shown(at + 1)
            assert len(reads) >= 2, told
            box = "on" if reads[-2].box else "off"
            assert f"{box}/{reads[-1].flag}" == shown, told


def untick_with_an_event_is_kept(case):
    """However late the event comes: the bridge does not tick the box again."""
    for name in case.names:
        for at, looks in _unticks(case, name):
            before = [e.what for n, e in case.log if n < at]
            if any(
                what == "put" or "about to tick" in what or what in _FORGETS
                for what in before
                if what != "new epoch"
            ):
                continue
            if _last_look(case, at, name).startswith("sees on/on"):
                yield "untick"
                assert all(e.what != "put" for e in looks), case.shown()


def untick_that_comes_soon_is_undone(case):
    """Within half an hour after the first tick of a bridge, with no answer."""
    for name in case.names:
        for at, looks in _unticks(case, name):
            first = [
                n for n, e in case.log if n < at and e.what in ("put", "set")
            ]
            ticks = [n for n, e in case.acts("put") if n < at]
            if len(ticks) != 1:
                continue
            tick = _first_tick(case, ticks[0], name)
            if tick is None or case.last(*_FORGETS, before=at) > ticks[0]:
                continue
            looks_before = [
                n
                for n, e in case.log
                if n < ticks[0] and e.who == name and e.what.startswith("sees")
            ]
            imported = case.last("import on", "import off", before=ticks[0])
            if imported > max(looks_before, default=-1):
                # Its event may come after the tick, which is forgotten then.
                continue
            looked = case.site.log[tick].begin
            if any(
                looked <= n < at and e.who not in case.names
                for n, e in case.log
            ):
                # By another flag the look at the box is another one, too.
                continue
            put = case.site.log[ticks[0]]
            if (
                put.who == name
                and first[-1] == ticks[0]
                and looks
                and looks[0].now - put.now < _GRACE
            ):
                yield "untick"
                told = case.shown()
                assert not any("row 10" in e.what for e in looks), told


def _unticks(case, name):
    """
    Those that have an event, with what the bridge sees and does until
    something else happens.
    """
    for index, (at, entry) in enumerate(case.log):
        if entry.what not in UNTICKS or not entry.is_told:
            continue
        looks = []
        for _, later in case.log[index + 1 :]:
            is_other = later.who not in case.names
            if is_other or later.what in _FORGETS:
                break
            if later.who != name and later.what in ("put", "set", "clear"):
                break
            if later.who == name and later.what != "fails to look":
                looks.append(later)
        yield at, looks


def _last_look(case, at, name):
    found = [
        e.what
        for n, e in case.log
        if n < at and e.who == name and e.what.startswith("sees")
    ]
    return found[-1] if found else ""


def _first_tick(case, at, name):
    """
    Where the look that has led to this tick ends. None: another look has
    before, or the box was seen on.
    """
    for number, entry in case.log:
        if entry.who == name and "about to tick" in entry.what:
            is_first = number > at and entry.what.endswith(("w 8", "w 31"))
            return number if is_first else None
    return None

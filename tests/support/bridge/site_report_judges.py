# SPDX-License-Identifier: GPL-2.0-or-later
"""
What holds of reports in each sequence. The judges are as those in
site_judges.py.
"""

from __future__ import annotations

from tests.support.bridge.site import PERSON
from tests.support.bridge.site_judges import FIRST_SIGHT

# Since when something is so each bridge says by its own clock and epoch, and
# what its tick has met by the events of ticks that came.
_BY_EACH = (
    "was edited",
    "had gone from the storage",
    "cannot be read for a while",
    "has no VDSM plugin",
)

_NO_CHANGE = ("sees", "tell again", "not told", "refused")


def report_is_made_once(case):
    """By its number; and it is another one only if something has changed."""
    told, imported = set(), False
    for at, entry in case.log:
        if entry.what.startswith("tell: "):
            yield "report"
            by_each = any(words in entry.what for words in _BY_EACH)
            key = entry.who if by_each else "", entry.what
            if key in told and imported and by_each:
                # The event of the import came after that, and what is so since
                # then begins anew.
                imported = False
                continue
            assert key not in told, case.shown(at + 1)
            if not _is_outdated(case, at, entry):
                told.add(key)
        elif entry.what == "not told":
            # An edit that is known only by the next look is told with it.
            told = {key for key in told if "was unticked" not in key[1]}
        elif not entry.what.startswith(_NO_CHANGE):
            told.clear()
            imported = imported or entry.what.startswith("import")


def _is_outdated(case, at, report):
    """
    Whether something happened between the look and its report: then the same
    may be told of the next look, or by another bridge that looks later.
    """
    begins = [e.begin for n, e in case.log if n > at and e.who == report.who]
    return any(
        begin <= n < at and e.who not in case.names
        for begin in begins[:1]
        for n, e in case.log
    )


# After these a bridge may not know of an edit, or of its own tick.
_FORGETS = (
    *FIRST_SIGHT,
    "restore",
    "removes it",
    "events are lost",
    "killed",
)


def overwritten_edit_is_told(case):
    """One that a person has made while the engine wrote what it had read."""
    for at, entry in case.acts("overwrites"):
        if case.told("was edited", at):
            yield "overwritten"
            continue
        if case.is_broken or case.domain.id in case.site.ailing:
            continue
        if not _is_seen_by_both(case, at, entry.who):
            continue
        edits = [
            (number, entry)
            for number, entry in case.log
            if number < at and entry.who == PERSON
        ]
        number, edit = edits[-1]
        put = case.site.log[at + 1]
        forgets = case.last(*_FORGETS) > number
        known = edit.is_told and put.is_told and not forgets
        assert not known, case.shown()


def _is_seen_by_both(case, at, name):
    """
    Whether box and flag were both on at the looks at which it can be known:
    else there are other things to tell. The events come late, and a report
    may fail some times.
    """
    first, *looks = [
        entry.what
        for number, entry in case.log
        if number > at and entry.who == name and entry.what.startswith("sees")
    ]
    return all(what.startswith("sees on/on") for what in looks[:8])

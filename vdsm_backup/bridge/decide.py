# SPDX-License-Identifier: GPL-2.0-or-later
"""
What to do about a domain whose box and flag may differ. Pure.

The table of what can be, and of what is done about it, is in table.py.

Why an untick never lowers the flag by itself: event 958 says who edited a
domain, and never which field. A dialog that was opened before the tick and is
confirmed after it, or a playbook that says `backup: false` and runs every
night, makes the same event as a person who unticks the box. So an untick is
accepted and reported, and the flag stays on storage, unless the comment of
the domain was changed in the same edit to begin with CLEAR_WORD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.bridge import edits, shapes
from vdsm_backup.bridge import memory as memories
from vdsm_backup.bridge.shapes import Answer
from vdsm_backup.bridge.table import TABLE

if TYPE_CHECKING:
    from vdsm_backup.bridge.shapes import Look, Memory, Policy
    from vdsm_backup.bridge.table import Row


def decide(
    memory: Memory | None, look: Look, policy: Policy
) -> tuple[Answer, Memory | None]:
    """
    The answer to a look, and what to remember before it is carried out.

    memory: None: nothing is remembered of this domain.
    """
    if look.box is None:
        return Answer(0), memories.unseen(memory, look)
    now = memories.seen(memory, look)
    facts = _facts(memory, now, look, policy)
    row = _row(look, facts)
    answer = _answer(row, now, look)
    # What is not seen, or is another engine's now, says nothing of an untick.
    is_judged = look.flag != shapes.UNKNOWN and not look.foreign
    accepted = row.accepts or (now.accepted and not look.box and not is_judged)
    return answer, memories.judged(now, look, answer, accepted)


def report_key(answer: Answer) -> str:
    """What makes a report one that is made once."""
    return f"{answer.tell}:{answer.about}"


def _row(look: Look, facts: set[str]) -> Row:
    for row in TABLE:
        if (
            row.box in (None, look.box)
            and look.flag in row.flags.split()
            and facts.issuperset(row.needs.split())
            and facts.isdisjoint(row.lacks.split())
        ):
            return row
    raise AssertionError(f"no row for {look}")


def _answer(row: Row, memory: Memory, look: Look) -> Answer:
    pending = look.obstacle if row.pending == "obstacle" else row.pending
    act = row.act
    if act != shapes.NOTHING and memories.must_wait(memory, look.now):
        act, pending = shapes.NOTHING, "failed"
    answer = Answer(
        row.number,
        act,
        row.tell,
        _about(row.about, memory, look),
        pending,
        _users(memory, look),
        memory.refused,
    )
    if answer.tell and report_key(answer) in memory.told:
        answer = answer._replace(tell="", about="")
    return answer


def _about(name: str, memory: Memory, look: Look) -> str:
    if name == "stamp":
        return look.stamp
    if name == "clear":
        return memory.off_stamp
    if name == "since":
        return f"{look.epoch}:{int(memory.since)}"
    if name == "unknown":
        assert memory.unknown_since is not None
        return f"{look.epoch}:{int(memory.unknown_since)}"
    if name == "overwritten":
        edit = edits.overwritten(memory)[-1]
        return f"{edit.number}:{edit.time}"
    if name == "edit":
        found = edits.since(memory, memory.seen_on)
        if found:
            # The same for all bridges.
            return f"{found[-1].number}:{found[-1].time}"
        return f"{look.epoch}:{memory.seen_on}"
    return ""


def _users(memory: Memory, look: Look) -> tuple[str, ...]:
    """Who may have made the edit that turned the box, or met our tick."""
    if look.box and look.flag == shapes.ON:
        found = edits.overwritten(memory)
    else:
        turned = memory.seen_off if look.box else memory.seen_on
        found = edits.since(memory, turned)
    return tuple(dict.fromkeys(e.user for e in found if not e.ours))


def _facts(
    before: Memory | None, memory: Memory, look: Look, policy: Policy
) -> set[str]:
    """
    before: what was remembered before this look; memory: with it.
    """
    new = memories.is_new(before, look)
    known = None if new else before
    facts = {
        "new": known is None or known.flag == shapes.UNKNOWN,
        "not-data": not look.is_data,
        "foreign": look.foreign,
        "obstacle": look.obstacle != "",
        "no-plugin": look.obstacle == "no-plugin",
        "hosted-engine": memory.hosted_engine,
        "master": look.is_master,
        "replica": look.replica,
        "long": memory.unknown_since is not None
        and look.now - memory.unknown_since >= policy.alarm,
        "cleared": memory.off_stamp != "",
        # OFF with another stamp than that of a clear: with an old one.
        "write-back": memory.off_stamp == ""
        and (look.flag == shapes.OFF or memory.was_flagged),
        **_of_ticks(memory),
        "overwritten": bool(edits.overwritten(memory)),
        "was-on": memory.seen_on is not None,
        "settled": memory.polls >= shapes.WAIT_POLLS,
        "accepted": memory.accepted,
        # Of a tick that may not have been made nobody can be sure.
        "repeated": memory.repeated and (not memory.unsure or memory.landed),
        "refused": memory.refusals >= shapes.REFUSALS,
        **_of_edits(memory, policy),
    }
    return {name for name, holds in facts.items() if holds}


def _of_ticks(memory: Memory) -> dict[str, bool]:
    """
    The facts about who has ticked the box since the flag was lowered. A
    bridge that ticks late, after that, is no person: then the edits of others
    may be of something else.
    """
    if not memory.was_off:
        return {}
    found = edits.since(memory, memory.seen_off)
    if any(edit.ours for edit in found) or (memory.unsure and not found):
        return {}
    # The event of a tick that may still come, too.
    settled = memory.polls >= shapes.WAIT_POLLS
    ticked = settled or (bool(found) and not memory.unsure)
    return {"ticked": ticked, "turning": not ticked}


def _of_edits(memory: Memory, policy: Policy) -> dict[str, bool]:
    """The facts about who has unticked the box."""
    found = edits.since(memory, memory.seen_on)
    others = [edit for edit in found if not edit.ours]
    ticked_at = memory.ticked_at
    return {
        "ours": len(found) > len(others),
        "others": bool(others),
        "several": len({edit.user for edit in others}) > 1,
        "soon": ticked_at is not None
        and 0 <= memory.since - ticked_at <= policy.grace,
        "word": policy.on_untick_clear
        and not memory.not_allowed
        and len(others) == 1
        and _has_word(memory.off_comment or "")
        and not _has_word(memory.comment),
    }


def _has_word(comment: str) -> bool:
    return comment.strip().casefold().startswith(shapes.CLEAR_WORD)

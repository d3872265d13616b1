# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is remembered of a domain, and when it is forgotten. Pure.

    seen()    before the answer: what this look adds
    judged()  with the answer, before the act: also what the act may become,
              so that a bridge that is killed in the act knows of it
    after()   what became of the act
"""

from __future__ import annotations

from vdsm_backup.bridge import edits, shapes, stamps
from vdsm_backup.bridge.shapes import Answer, Look, Memory

# How many keys of reports are kept.
_TOLD = 40

# Seconds until an act that failed is tried again. The last one stays.
RETRIES = (60, 300, 900, 1800)

# Seconds after which a tick that the engine has not answered is not expected
# any more: WildFly, in which the engine runs, rolls a transaction back after
# 300 (default-timeout of its transactions), which the engine does not change.
# Before that the request may wait to be taken up.
_LATEST_TICK = 600

# Looks after which no event of the time before the first look can come any
# more.
_SETTLED = shapes.WAIT_POLLS + 1


def is_new(memory: Memory | None, look: Look) -> bool:
    """
    Whether the domain is seen for the first time: nothing is remembered, the
    engine was restored, or the domain was imported again.
    """
    if memory is None or memory.epoch != look.epoch:
        return True
    # The event of an import may be read late, after the first look.
    return memory.looks >= _SETTLED and look.imported > memory.imported


def seen(memory: Memory | None, look: Look) -> Memory:
    """What is remembered, with this look. The box of the look is known."""
    assert look.box is not None
    if memory is None or is_new(memory, look):
        memory = _begun(memory, look)
    memory = memory._replace(
        newest=look.newest,
        imported=max(memory.imported, look.imported),
        looks=min(memory.looks + 1, _SETTLED),
        edits=edits.merged(memory.edits, look.edits),
    )
    if not look.box and memory.off_comment is None:
        memory = memory._replace(off_comment=look.comment)
    if look.flag == shapes.UNKNOWN:
        if memory.unknown_since is None:
            memory = memory._replace(unknown_since=look.now)
        if look.box != memory.box:
            memory = _changed(memory, look)
        return stamps.seen(memory, look)
    memory = memory._replace(unknown_since=None)
    if memory.accepted and stamps.is_set_anew(memory, look):
        memory = memory._replace(seen_on=None, accepted=False, repeated=False)
    key = (look.box, look.flag, look.stamp)
    if key == (memory.box, memory.flag, memory.stamp):
        memory = memory._replace(polls=memory.polls + 1)
    else:
        since = memory.since
        was_on = memory.flag == shapes.UNKNOWN and memory.box and look.box
        memory = _changed(memory, look)._replace(
            flag=look.flag, stamp=look.stamp
        )
        if was_on:
            # The box has waited since before the flag could be read.
            memory = memory._replace(since=since)
    return stamps.seen(memory, look)


def _begun(memory: Memory | None, look: Look) -> Memory:
    """What is remembered of a domain that is new."""
    if memory is None:
        return Memory(look.epoch)
    # A restore of the engine changes no storage: a clear is known as before.
    # Who imports a domain says anew what it is. A tick may have met an edit
    # that comes after the import, as that may be known later than the tick.
    is_restored = memory.epoch != look.epoch
    return Memory(
        look.epoch,
        off_stamp=memory.off_stamp if is_restored else "",
        ticked_index=None if is_restored else memory.ticked_index,
        told=memory.told,
    )


def unseen(memory: Memory | None, look: Look) -> Memory | None:
    """
    The memory with a look that has failed, or has not seen the box: the events
    that were read before it are not read again.
    """
    if memory is None:
        return None
    if is_new(memory, look):
        memory = _begun(memory, look)
    known = edits.merged(memory.edits, look.edits)
    return memory._replace(
        edits=edits.newest(known), imported=max(memory.imported, look.imported)
    )


def must_wait(memory: Memory, now: float) -> bool:
    """Whether an act has failed, and it is too early for another try."""
    if not memory.tries:
        return False
    # A clock that went back must not hold an act up for long.
    return 0 < memory.retry_at - now <= RETRIES[-1]


def not_tried(before: Memory | None, memory: Memory) -> Memory:
    """
    The memory of an act that was not tried, since something has changed since
    the look. before: what was remembered before the look.
    """
    if before is None:
        return memory._replace(ticked=False, unsure=False, repeated=False)
    return memory._replace(
        ticked=before.ticked and memory.ticked,
        unsure=before.unsure and memory.unsure,
        landed=before.landed,
        repeated=before.repeated and memory.repeated,
    )


def untold(before: Memory | None, memory: Memory) -> Memory:
    """
    What is remembered while its report is made: what was seen, and nothing
    that only comes with the report. The next look tells it again.
    """
    return not_tried(before, memory)._replace(accepted=False)


def _changed(memory: Memory, look: Look) -> Memory:
    assert look.box is not None
    return _in_order(memory)._replace(box=look.box, since=look.now, polls=0)


def _in_order(memory: Memory) -> Memory:
    """No act has failed."""
    return memory._replace(tries=0, retry_at=0.0, refusals=0, refused="")


def judged(
    memory: Memory, look: Look, answer: Answer, accepted: bool
) -> Memory:
    """
    What is remembered from this look on.

    accepted: whether the answer takes it that a person has unticked the box.
    """
    if look.box:
        memory = _box_on(memory, look, answer)
    else:
        memory = _box_off(memory, look, accepted)
    if look.flag == shapes.ON:
        memory = stamps.raised(memory)
    if answer.act == shapes.TICK:
        # Written before the act. Of the comment only a change counts.
        memory = memory._replace(
            ticked_index=look.newest,
            ticked=True,
            unsure=True,
            landed=False,
            repeated=memory.repeated or memory.seen_on is not None,
            comment=look.comment,
            off_comment=None,
        )
    since = (memory.seen_on, memory.seen_off, memory.ticked_index)
    kept = [index for index in since if index is not None]
    left = edits.since(memory, min(kept, default=look.newest))
    return memory._replace(edits=edits.newest(left))


def _box_on(memory: Memory, look: Look, answer: Answer) -> Memory:
    found = edits.since(memory, memory.seen_off)
    by_person = found and not any(edit.ours for edit in found)
    if memory.unsure:
        memory = memory._replace(ticked_at=look.now)
    elif by_person and not memory.ticked:
        # A person's own tick: what was before is over.
        memory = memory._replace(repeated=False)
    if memory.polls > shapes.WAIT_POLLS and not answer.tell:
        # What has met the tick is kept until it is told.
        memory = memory._replace(ticked_index=None)
    return memory._replace(
        seen_on=look.newest,
        seen_off=None if look.flag == shapes.ON else memory.seen_off,
        comment=look.comment,
        off_comment=None,
        ticked=memory.ticked and look.flag != shapes.ON,
        unsure=memory.unsure and look.flag != shapes.ON,
        landed=True,
        accepted=False,
        not_allowed=False,
    )


def _box_off(memory: Memory, look: Look, accepted: bool) -> Memory:
    memory = memory._replace(
        seen_off=look.newest,
        hosted_engine=False,
        accepted=accepted,
        ticked_index=memory.ticked_index if memory.unsure else None,
        ticked=False,
    )
    if look.flag in (shapes.OFF, shapes.NEVER):
        if look.now - memory.since > _LATEST_TICK:
            memory = memory._replace(unsure=False, ticked_index=None)
        # Both are off: an untick has done what it was for. But a tick that is
        # still on its way is one of the flag that was there.
        memory = memory._replace(
            seen_on=None,
            repeated=False,
            not_allowed=False,
            was_flagged=memory.was_flagged and memory.unsure,
        )
    return memory


def after(
    memory: Memory,
    act: str,
    outcome: str,
    now: float,
    stamp: str = "",
    why: str = "",
) -> Memory:
    """
    What is remembered after an act.

    outcome: DONE, UNSURE, FAILED, REFUSED, HOSTED_ENGINE or NOT_ALLOWED.
    now: seconds since the epoch.
    stamp: of the flag that a CLEAR has written.
    why: in whose words a tick was REFUSED.
    """
    if outcome == shapes.DONE:
        return _done(memory, act, now, stamp)
    if outcome == shapes.HOSTED_ENGINE:
        return memory._replace(hosted_engine=True)
    if outcome == shapes.NOT_ALLOWED:
        return memory._replace(not_allowed=True)
    if act == shapes.TICK and outcome != shapes.UNSURE:
        # The box is as it was.
        memory = memory._replace(
            ticked_index=None, unsure=False, repeated=False, ticked=False
        )
    is_refused = outcome == shapes.REFUSED
    delay = RETRIES[min(memory.tries, len(RETRIES) - 1)]
    return memory._replace(
        tries=memory.tries + 1,
        retry_at=now + delay,
        refusals=memory.refusals + 1 if is_refused else 0,
        refused=why if is_refused else "",
    )


def _done(memory: Memory, act: str, now: float, stamp: str) -> Memory:
    """As if a look had seen what the act has made."""
    memory = _in_order(memory)._replace(since=now, polls=0)
    if act == shapes.TICK:
        # An untick that comes before the next look is one of our tick.
        return memory._replace(
            box=True, seen_on=memory.newest, ticked_at=now, unsure=False
        )
    if act == shapes.SET:
        return stamps.raised(memory._replace(flag=shapes.ON, stamp=""))
    # The box was off right before: a box that is on later was ticked later.
    return memory._replace(
        flag=shapes.OFF,
        stamp=stamp,
        off_stamp=stamp,
        was_off=True,
        seen_on=None,
    )


def told(memory: Memory, key: str) -> Memory:
    """A report with this key (decide.report_key()) was made."""
    return memory._replace(told=(*memory.told, key)[-_TOLD:])

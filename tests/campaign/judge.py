# SPDX-License-Identifier: GPL-2.0-or-later
"""
Is it true what was said of a change, and is all well on storage? Pure.

The judge is given facts: what was there before, what was to be written, what
others wrote, what the command said, and what is there in the end.
"""

import json
from dataclasses import dataclass, field

from tests.campaign import known
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines

# What an answer says.
DONE = "done"  # the change is on storage
SAME = "same"  # there was nothing to change
NOTHING = "nothing"  # nothing was changed
UNDONE = "undone"  # it was made and taken back
NOT_UNDONE = "not undone"  # it was made, and could not be taken back
CHANGED = "changed"  # somebody else has changed it
UNKNOWN = "unknown"
NO_ANSWER = "no answer"  # the command was killed
NONSENSE = "nonsense"  # no answer of the command, or a fault of ours

# Names of errors that say something else than that nothing was changed.
ERRORS = {
    "ChangedByOther": CHANGED,
    "FlagUndone": UNDONE,
    "InternalError": NONSENSE,
    "OutcomeUnknown": UNKNOWN,
    "UndoFailed": NOT_UNDONE,
}


@dataclass(frozen=True)
class Answer:
    """kind: a constant above. text: what was said."""

    kind: str
    text: str = ""


@dataclass(frozen=True)
class Write:
    """
    What somebody else has written meanwhile.

    by: "vdsm" or "host". at: the step of ours. keys: that VDSM has changed.
    flag: (value, reason) that the other host has set, or that VDSM has
        written back. replaced: the (value, reason) that was there.
    racing: the tool went on meanwhile.
    answer: what the other host said.
    """

    by: str
    at: str
    keys: dict
    flag: tuple
    replaced: tuple
    racing: bool = False
    answer: Answer = Answer(DONE)


@dataclass(frozen=True)
class Facts:
    """
    Lines are None where there is no metadata.

    kind: "file" or "block". before: the lines.
    base: the values, without the flag, that the change keeps.
    ours: (value, reason) that the change gives the domain.
    committed: the tool was let go on to commit.
    found: lines when all processes of the change had ended. later: after
        what was still on its way to storage.
    ended: they all had ended in time.
    next: what the next command said, with a flag of its own.
    after: lines after it. left: what it has left behind.
    """

    sd_id: str
    kind: str
    before: list
    base: dict
    ours: tuple
    answer: Answer
    found: list
    later: list
    committed: bool = True
    ended: bool = True
    writes: list = field(default_factory=list)
    next: Answer = Answer(DONE)
    next_flag: tuple = ()
    after: list = None
    left: list = field(default_factory=list)


def answer(exit_code, text):
    """What the command said, by its exit code and its JSON."""
    if exit_code is None:
        return Answer(NO_ANSWER)
    try:
        said = json.loads(text)
        error = said.get("error")
        if error:
            kind = ERRORS.get(error["name"], NOTHING)
            if error["name"] == "Interrupted":
                kind = _of_interrupt(error["message"])
            if (exit_code == 0) or not error["message"]:
                kind = NONSENSE
            return Answer(kind, f"{error['name']}: {error['message']}")
        if exit_code == 0 and said["changed"] in (True, False):
            notes = "; ".join(said["notes"])
            return Answer(DONE if said["changed"] else SAME, notes)
    except (ValueError, KeyError, AttributeError):
        pass
    return Answer(NONSENSE, f"exit {exit_code}: {text[-500:]}")


def _of_interrupt(message):
    """What it says of the change; all but the first sentence may be more."""
    said = message.partition("; ")[0].partition(":")[0]
    return {
        "Interrupted, and the outcome is unknown (error 982)": UNKNOWN,
        "Interrupted, nothing was changed": NOTHING,
        "Interrupted, the change was taken back": UNDONE,
        "Interrupted after the change": DONE,
    }.get(said, NONSENSE)


def flag_of(lines):
    """(value, reason), or None where there are no lines."""
    if lines is None:
        return None
    values = md_lines.parse(lines).values
    return values.get(flag.BACKUP, "False"), values.get(flag.REASON, "")


def base_of(values):
    return {k: v for k, v in values.items() if k not in flag.KEYS}


def judge(facts):
    """What is wrong, as texts; those in known.KNOWN are known."""
    wrong = []
    if not facts.ended:
        wrong.append("a process of the change did not end")
    if facts.answer.kind == NONSENSE:
        wrong.append(f"no answer: {facts.answer.text}")
    found = _state(facts, facts.found, "the end", wrong)
    later = _state(facts, facts.later, "what came later", wrong)
    wrong += _answer_is_true(facts, found, "")
    if later != found:
        wrong += _answer_is_true(facts, later, " later")
    for write in facts.writes:
        if write.by == "host":
            wrong += _other_host(facts, write, found)
    wrong += _next(facts)
    return list(dict.fromkeys(wrong))


def _state(facts, lines, when, wrong):
    """The flag on storage; what is wrong with the lines is added."""
    if _same(lines, facts.before):
        # Also if it was not whole, and nobody has written.
        if facts.before is not None and facts.writes:
            _base(facts, lines, when, wrong)
        return flag_of(lines)
    if lines is None:
        wrong.append(f"{when}: the metadata is gone")
        return None
    if not md_lines.is_whole(lines, facts.sd_id):
        wrong.append(f"{when}: it is not whole: {lines}")
        return flag_of(lines)
    md = md_lines.parse(lines)
    if md.dropped or md.duplicates or len(lines) != len(set(lines)):
        wrong.append(f"{when}: there are lines too much: {lines}")
    _base(facts, lines, when, wrong)
    now = flag_of(lines)
    flags = [flag_of(facts.before), facts.ours]
    flags += [write.flag for write in facts.writes]
    if now not in flags:
        wrong.append(f"{when}: nobody has set this flag: {now}")
    return now


def _base(facts, lines, when, wrong):
    """All but the flag is as it was, and as VDSM has written it."""
    values = base_of(md_lines.parse(lines).values)
    if not md_lines.is_whole(lines, facts.sd_id):
        return
    expected, excused = dict(facts.base), set()
    for write in facts.writes:
        expected.update(write.keys)
        if write.by == "vdsm":
            if write.racing and facts.kind == "file":
                excused |= set(write.keys)
    if _vdsm_came_last(facts):
        excused = set()
    for key in sorted(expected.keys() | values.keys()):
        if expected.get(key) == values.get(key):
            continue
        if key in excused and values.get(key) == facts.base.get(key):
            wrong.append(known.WINDOW)
        else:
            wrong.append(
                f"{when}: {key} is {values.get(key)}, and was"
                f" {expected.get(key)}"
            )


def _vdsm_came_last(facts):
    """It came after the change, so nothing can have taken it away."""
    return bool(facts.writes) and all(
        write.replaced == facts.ours and write.by == "vdsm"
        for write in facts.writes
    )


def _answer_is_true(facts, found, when):
    """
    found: (value, reason) on storage. What others have made of the flag after
    ours counts as theirs.
    """
    kind, text = facts.answer.kind, facts.answer.text
    before = flag_of(facts.before)
    overwritten = any(
        write.by == "host" and write.replaced == facts.ours
        for write in facts.writes
    )
    # VDSM read before our rename, and wrote after it.
    overwritten |= any(
        write.racing and write.flag == found for write in facts.writes
    )
    if kind == DONE and found != facts.ours and not overwritten:
        return [f"it said{when} that it is done, and {found} is there"]
    said = f"it said{when}: {text}"
    if kind in (NOTHING, SAME, UNDONE) and found == facts.ours:
        return [f"{said}; but the change is there"]
    if kind == NOT_UNDONE and found not in (before, facts.ours):
        if not facts.writes:
            return [f"{said}; and {found} is there"]
    if kind == CHANGED and not facts.writes:
        return [f"{said}; and nobody else has written"]
    if not facts.committed and found == facts.ours:
        return [f"it was made{when} without the word to commit"]
    return []


def _other_host(facts, write, found):
    """The other host has the lease: ours must not take its change away."""
    if write.answer.kind == DONE and found not in (
        write.flag,
        *(w.flag for w in facts.writes if w.replaced == write.flag),
    ):
        return [f"the change of the other host, {write.flag}, is lost"]
    if write.answer.kind == NOTHING and found == write.flag:
        return [f"the other host said it changed nothing: {write.answer.text}"]
    return []


def _next(facts):
    wrong = []
    if facts.next.kind != DONE:
        wrong.append(f"the next command: {facts.next.kind} {facts.next.text}")
    elif flag_of(facts.after) != facts.next_flag:
        wrong.append("the next command said that it is done, and it is not")
    if facts.next.kind == DONE and "changed again" in facts.next.text:
        wrong.append(f"the next command: {facts.next.text}")
    if facts.after is None or not md_lines.is_whole(facts.after, facts.sd_id):
        wrong.append(f"it is not whole after the next command: {facts.after}")
    elif facts.later is not None:
        if md_lines.is_whole(facts.later, facts.sd_id):
            values = md_lines.parse(facts.after).values
            before = md_lines.parse(facts.later).values
            if base_of(values) != base_of(before):
                wrong.append("the next command has changed more than the flag")
    wrong += [f"left behind: {what}" for what in facts.left]
    return wrong


def _same(one, other):
    if one is None or other is None:
        return one is other
    return sorted(one) == sorted(other)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The judge lets each true answer pass, and sees each lie."""

import dataclasses
import json

import pytest

from tests.campaign import judge, known
from tests.campaign.domains import seal
from tests.campaign.judge import (
    CHANGED,
    DONE,
    NO_ANSWER,
    NONSENSE,
    NOT_UNDONE,
    NOTHING,
    SAME,
    UNDONE,
    UNKNOWN,
    Answer,
    Facts,
    Write,
)
from tests.support.storage import filedomain

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
BASE = filedomain.metadata(SD)
OLD = seal(BASE, None, "")
OURS = seal(BASE, "True", "ours")
THEIRS = seal(BASE, "True", "theirs")
NEXT = seal(BASE, "False", "next")
OF_OLD, OF_OURS, OF_THEIRS = (
    ("False", ""),
    ("True", "ours"),
    ("True", "theirs"),
)

HOST = Write("host", "check", {}, OF_THEIRS, OF_OLD)
AFTER_OURS = Write("host", "confirm", {}, OF_THEIRS, OF_OURS)


def vdsm(at, replaced=OF_OLD, flag=None, **more):
    keys = {"LEASERETRIES": "4"}
    return Write("vdsm", at, keys, flag or replaced, replaced, **more)


def with_key(value, reason):
    return seal({**BASE, "LEASERETRIES": "4"}, value, reason)


MERGED = with_key("True", "ours")
VDSMS = with_key(None, "")


def facts(kind=DONE, found=OURS, **more):
    all_of_it = {
        "sd_id": SD,
        "kind": "file",
        "before": OLD,
        "base": BASE,
        "ours": OF_OURS,
        "answer": Answer(kind, "words"),
        "found": found,
        "later": found,
        "next_flag": ("False", "next"),
        "after": NEXT,
        **more,
    }
    if all_of_it["later"] in (MERGED, VDSMS):
        all_of_it.setdefault("after", None)
        all_of_it["after"] = with_key("False", "next")
    return Facts(**all_of_it)


TRUE = {
    "done": facts(),
    "done, and another host came after it": facts(
        DONE, THEIRS, writes=[AFTER_OURS]
    ),
    "done, merged": facts(DONE, MERGED, writes=[vdsm("check")]),
    "nothing": facts(NOTHING, OLD),
    "nothing, another host was first": facts(NOTHING, THEIRS, writes=[HOST]),
    "nothing, VDSM was first": facts(NOTHING, VDSMS, writes=[vdsm("check")]),
    "same": facts(SAME, OLD),
    "changed by another host": facts(CHANGED, THEIRS, writes=[AFTER_OURS]),
    "changed by VDSM": facts(
        CHANGED, MERGED, writes=[vdsm("confirm", OF_OURS)]
    ),
    "undone": facts(UNDONE, OLD),
    "not undone": facts(NOT_UNDONE, OURS),
    "unknown, made": facts(UNKNOWN, OURS),
    "unknown, not made": facts(UNKNOWN, OLD),
    "killed, made": facts(NO_ANSWER, OURS),
    "killed, not made": facts(NO_ANSWER, OLD, committed=False),
    "it came later, and that was unknown": facts(UNKNOWN, OLD, later=OURS),
    "gone before, and still": facts(NOTHING, None, before=None),
    "VDSM after us": facts(DONE, MERGED, writes=[vdsm("confirm", OF_OURS)]),
}

LIES = {
    "VDSM's key is lost at the commit": facts(
        DONE, OURS, writes=[vdsm("commit")]
    ),
    "done, not there": facts(DONE, OLD),
    "done, another host was first": facts(DONE, THEIRS, writes=[HOST]),
    "nothing, but it is there": facts(NOTHING, OURS),
    "same, but it is there": facts(SAME, OURS),
    "undone, but it is there": facts(UNDONE, OURS),
    "changed by nobody": facts(CHANGED, OLD),
    "not undone, and something else is there": facts(NOT_UNDONE, THEIRS),
    "nothing, and it came later": facts(NOTHING, OLD, later=OURS),
    "no answer that can be read": facts(NONSENSE, OLD),
    "without the word": facts(NO_ANSWER, OURS, committed=False),
    "it is gone": facts(UNKNOWN, None),
    "it went later": facts(UNKNOWN, OURS, later=None),
    "half of it": facts(UNKNOWN, OURS[: len(OURS) // 2]),
    "its checksum is wrong": facts(UNKNOWN, [*OURS[:-1], OLD[-1]]),
    "it has no checksum": facts(UNKNOWN, OURS[:-1]),
    "two checksums": facts(UNKNOWN, [*OURS, OLD[-1]]),
    "a line twice": facts(UNKNOWN, [OURS[0], *OURS]),
    "a line that is none": facts(UNKNOWN, [*OURS, "half a li"]),
    "a flag of nobody": facts(UNKNOWN, seal(BASE, "True", "nobody's")),
    "a reason of nobody": facts(UNKNOWN, seal(BASE, "True", "")),
    "a key is lost": facts(
        DONE, seal({k: BASE[k] for k in BASE if k != "ROLE"}, "True", "ours")
    ),
    "a key is new": facts(DONE, seal({**BASE, "A": "b"}, "True", "ours")),
    "a value is another": facts(
        DONE, seal({**BASE, "ROLE": "Master"}, "True", "ours")
    ),
    "VDSM's key is lost": facts(DONE, OURS, writes=[vdsm("check")]),
    "VDSM's key is lost, nothing of ours": facts(
        NOTHING, OLD, writes=[vdsm("check")]
    ),
    "VDSM's key is lost after us": facts(
        DONE, OURS, writes=[vdsm("confirm", OF_OURS)]
    ),
    "another value than VDSM's": facts(
        DONE,
        seal({**BASE, "LEASERETRIES": "5"}, "True", "ours"),
        writes=[vdsm("commit")],
    ),
    "another host's change is lost": facts(UNKNOWN, OURS, writes=[HOST]),
    "another host's change is lost to the old": facts(
        UNKNOWN, OLD, writes=[HOST]
    ),
    "the other host lies": facts(
        UNKNOWN,
        THEIRS,
        writes=[
            Write(
                *("host", "check", {}, OF_THEIRS, OF_OLD),
                answer=Answer(NOTHING, "words"),
            )
        ],
    ),
    "a process did not end": facts(ended=False),
    "next: refused": facts(next=Answer(NOTHING, "words")),
    "next: killed": facts(next=Answer(NO_ANSWER)),
    "next: nothing to change": facts(next=Answer(SAME)),
    "next: not there": facts(after=OURS),
    "next: gone": facts(after=None),
    "next: not whole": facts(after=NEXT[:-1]),
    "next: a key is lost": facts(
        after=seal({**BASE, "ROLE": "Master"}, "False", "next")
    ),
    "next: changed again": facts(
        next=Answer(DONE, "the metadata was changed again by somebody else")
    ),
    "left: a file": facts(left=["metadata.new.host1.1.00"]),
}


@pytest.mark.parametrize("name", TRUE)
def test_what_is_true_passes(name):
    assert judge.judge(TRUE[name]) == []


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_seen(name):
    wrong = judge.judge(LIES[name])
    assert wrong
    assert not set(wrong) & known.KNOWN


def test_a_write_that_raced_is_in_the_window():
    racing = vdsm("check", racing=True)
    lost = facts(DONE, OURS, writes=[racing])
    assert judge.judge(lost) == [known.WINDOW]
    # On block there is none.
    on_block = dataclasses.replace(lost, kind="block")
    assert set(judge.judge(on_block)) - known.KNOWN
    # It read before us and wrote after us.
    assert judge.judge(facts(DONE, VDSMS, writes=[racing])) == []


# Of an interrupt.
CUT, AFTER = "Interrupted, ", "Interrupted after the change"
NONE, BACK = "nothing was changed", "the change was taken back"
OPEN = "and the outcome is unknown (error 982)"


def error(name, **more):
    said = {"code": 1, "name": name, "message": "words", "hints": [], **more}
    return json.dumps({"schema": 1, "error": said})


def result(changed):
    return json.dumps({"schema": 1, "changed": changed, "notes": []})


@pytest.mark.parametrize(
    "code, text, kind",
    [
        (0, result(True), DONE),
        (0, result(False), SAME),
        (1, error("WriteFailed"), NOTHING),
        (4, error("LeaseBusy"), NOTHING),
        (1, error("OutcomeUnknown"), UNKNOWN),
        (1, error("ChangedByOther"), CHANGED),
        (130, error("Interrupted", message="Interrupted"), NONSENSE),
        (130, error("Interrupted", message=f"{CUT}nothing"), NONSENSE),
        (130, error("Interrupted", message=f"{CUT}{NONE}"), NOTHING),
        (130, error("Interrupted", message=f"{CUT}{NONE}; and so"), NOTHING),
        (130, error("Interrupted", message=f"{CUT}{BACK}"), UNDONE),
        (130, error("Interrupted", message=f"{CUT}{OPEN}"), UNKNOWN),
        (143, error("Interrupted", message=f"{AFTER}: x IS a"), DONE),
        (4, error("FlagUndone"), UNDONE),
        (1, error("UndoFailed"), NOT_UNDONE),
        (None, "", NO_ANSWER),
        # An exit code that does not fit.
        (0, error("WriteFailed"), NONSENSE),
        (1, result(True), NONSENSE),
        (0, result("yes"), NONSENSE),
        (1, error("InternalError"), NONSENSE),
        (1, error("WriteFailed", message=""), NONSENSE),
        (1, "", NONSENSE),
        (1, "Traceback", NONSENSE),
        (0, "[]", NONSENSE),
        (-6, "", NONSENSE),
    ],
)
def test_answers(code, text, kind):
    assert judge.answer(code, text).kind == kind

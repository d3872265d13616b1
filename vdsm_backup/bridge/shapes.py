# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the bridge sees of a domain, remembers of it, and answers.

The box is the Backup box of the domain in the engine. The flag is what the
storage itself says: ON, OFF (BACKUP=False, which somebody has written), NEVER
(the key is not there), or UNKNOWN (it could not be read).

A stamp is the identity of a flag that is ON or OFF: its companions, as one
text. Stamps are compared with those that were seen, and never by their times:
the clocks of hosts and of the engine differ.
"""

from __future__ import annotations

from typing import NamedTuple

ON = "on"
OFF = "off"
NEVER = "never"
UNKNOWN = "unknown"

# What the bridge does: nothing, raise the flag on storage, tick the box, or
# lower the flag on storage. There is no act that unticks the box.
NOTHING = "nothing"
SET = "set"
TICK = "tick"
CLEAR = "clear"

# What became of an act.
DONE = "done"
#: Nobody knows whether it was done: no answer came in time.
UNSURE = "unsure"
#: The other side said no, or could not be reached. It is tried again later.
FAILED = "failed"
#: The engine said no to a tick.
REFUSED = "refused"
#: Error 960: the domain has the engine's own VM on it.
HOSTED_ENGINE = "hosted engine"
#: The configuration of the host does not let a bridge clear a flag.
NOT_ALLOWED = "not allowed"


class Edit(NamedTuple):
    """
    Event 958 of a domain: somebody has edited it. It never says which field.

    number: its index.
    time: in milliseconds since the epoch, as the engine has it. With the
        number it is the same for all bridges, and never compared with others.
    user: as the engine names them; "" if it does not.
    ours: whether the edit was made by a bridge, this one or another.
    """

    number: int
    time: int
    user: str
    ours: bool


class Look(NamedTuple):
    """
    One domain as it is seen now. What comes first here was read first, and
    `flag` after the box.

    epoch: number of the sequence of events. A restored engine starts another
        one, and indexes of two epochs have nothing to do with each other.
    newest: index of the newest event, read before the box.
    edits: events 958 of this domain. Some may have been there before.
    imported: index of the newest event 956 of this domain. 0: there is none.
    box: None: not known now, as the domain is locked.
    stamp: of a flag that is ON or OFF, else "".
    now: seconds since the epoch by our own clock.
    is_data: whether it is a data domain.
    foreign: whether the domain is attached to a data center that is not the
        one of this engine.
    obstacle: why no host can change the flag now, "" if one can.
    replica: whether the storage is not the one that was flagged.
    """

    epoch: int
    newest: int
    edits: tuple[Edit, ...]
    imported: int
    box: bool | None
    comment: str
    flag: str
    stamp: str
    now: float
    is_data: bool = True
    is_master: bool = False
    foreign: bool = False
    obstacle: str = ""
    replica: bool = False


class Memory(NamedTuple):
    """
    What is remembered of one domain between two looks.

    newest, imported: of the last look.
    looks: how many there were, up to a few.
    box: of the last look. flag, stamp: of the last one at which the flag could
        be read.
    since: when they were seen first.
    polls: how many looks have seen them again.
    unknown_since: since when the flag cannot be read; None: it can.
    seen_on, seen_off: index before the last look that saw the box on, or
        off. None: that does not matter any more.
    comment: of the domain when the box was last seen on.
    off_comment: at the first look after that, which saw it off; None: there
        was none yet.
    edits: those after seen_on or seen_off.
    off_stamp: of the newest flag that was OFF, until the flag is raised; ""
        for none. Metadata that are older, with a stamp of `old` or NEVER, do
        not replace it.
    was_off: whether the box was seen off after the first look at off_stamp.
    old: stamps that were there before the flag was raised, oldest first.
    on_stamps: stamps of flags that were ON, by the first look at each.
    was_flagged: whether the flag was ON since box and flag were both off.
    ticked_at: when the bridge last ticked the box; None: never.
    ticked_index: index before the look that it was ticked by, as long as the
        event of an edit that has met the tick may still come; else None.
    ticked: whether the box is on by that, as far as it was seen.
    unsure: whether nobody knows what became of that tick.
    landed: whether the box was seen on since then.
    repeated: whether the bridge has ticked the box again, after it went off.
    accepted: whether it is taken that a person has unticked the box.
    hosted_engine, not_allowed: what an act was answered with.
    tries, retry_at: how often an act failed, and when to try again.
    refusals, refused: how often the engine has refused a tick, one after the
        other, and why it did last.
    told: keys of the reports that were made, oldest first.
    """

    epoch: int
    newest: int = 0
    imported: int = 0
    looks: int = 0
    box: bool = False
    flag: str = UNKNOWN
    stamp: str = ""
    since: float = 0.0
    polls: int = 0
    unknown_since: float | None = None
    seen_on: int | None = None
    seen_off: int | None = None
    comment: str = ""
    off_comment: str | None = None
    edits: tuple[Edit, ...] = ()
    off_stamp: str = ""
    was_off: bool = False
    old: tuple[str, ...] = ()
    on_stamps: tuple[str, ...] = ()
    was_flagged: bool = False
    ticked_at: float | None = None
    ticked_index: int | None = None
    ticked: bool = False
    unsure: bool = False
    landed: bool = False
    repeated: bool = False
    accepted: bool = False
    hosted_engine: bool = False
    not_allowed: bool = False
    tries: int = 0
    retry_at: float = 0.0
    refusals: int = 0
    refused: str = ""
    told: tuple[str, ...] = ()


class Answer(NamedTuple):
    """
    What to do about a domain.

    row: number in the table (table.py). 0: the box is not known now.
    act: NOTHING, SET, TICK or CLEAR.
    tell: kind of the report to make, "" for none; see report.py.
    about: what makes this report another one than an earlier one of its kind.
    pending: why an act that is wanted has to wait, "" if it has not.
    users: who may have made the edit, none if that is not known.
    why: in whose words the engine refuses a tick, "" if it does not.
    """

    row: int
    act: str = NOTHING
    tell: str = ""
    about: str = ""
    pending: str = ""
    users: tuple[str, ...] = ()
    why: str = ""


class Policy(NamedTuple):
    """
    on_untick_clear: whether an untick with a word in the comment lowers the
        flag.
    grace: seconds after our tick in which an untick is taken as an accident,
        once: a dialog that was open, a playbook that runs again.
    alarm: seconds after which a flag that cannot be read is reported.
    """

    on_untick_clear: bool = False
    grace: float = 1800.0
    alarm: float = 900.0


# What the comment of a domain begins with after an untick that lowers the
# flag. The rest is the reason.
CLEAR_WORD = "clear backup"

# Refusals of a tick, one after the other, that are told: what is over within
# minutes is not.
REFUSALS = 3

# Looks that are waited for the event of an edit: it is written after the
# edit, and may be read late.
WAIT_POLLS = 2

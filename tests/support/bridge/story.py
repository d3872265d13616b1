# SPDX-License-Identifier: GPL-2.0-or-later
"""A domain as the bridge sees it look by look, told as a story."""

from vdsm_backup.bridge import decide, memory, shapes
from vdsm_backup.bridge.state import Anchor, State

EPOCH = 7
SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"


class Story:
    """
    memory: what the bridge remembers now.

    Each look is POLL seconds after the last one, and reads an index that is
    one higher. Acts are done, unless a test says what becomes of them.
    """

    POLL = 5

    def __init__(self, policy=None):
        self.policy = policy or shapes.Policy()
        self.memory = None
        self.now = 1_000_000.0
        self.index = 100
        self.epoch = EPOCH
        self._more = {}

    def always(self, **more):
        """Every look from now on has these fields."""
        self._more = more
        return self

    def edit(self, user="anna@internal", ours=False):
        """Somebody edits the domain. Returns the event."""
        self.index += 1
        return shapes.Edit(self.index, self.index * 1000, user, ours)

    def look(self, box, flag, *edits, outcome=shapes.DONE, why="", **more):
        """One look, and the act of its answer. Returns the answer."""
        self.now += self.POLL
        self.index += 1
        flag, _, stamp = flag.partition(":")
        fields = {
            "epoch": self.epoch,
            "newest": self.index,
            "edits": edits,
            "imported": 0,
            "box": box,
            "comment": "",
            "flag": flag,
            "stamp": stamp,
            "now": self.now,
            **self._more,
            **more,
        }
        answer, self.memory = decide.decide(
            self.memory, shapes.Look(**fields), self.policy
        )
        if answer.act != shapes.NOTHING and outcome:
            self.memory = memory.after(
                self.memory, answer.act, outcome, self.now, "written", why
            )
        if answer.tell:
            key = decide.report_key(answer)
            self.memory = memory.told(self.memory, key)
        return answer

    def looks(self, count, box, flag, *edits, **more):
        """Several looks at the same; all answers, the last one last."""
        return [self.look(box, flag, *edits, **more) for _ in range(count)]

    def later(self, seconds):
        self.now += seconds
        return self


def agreed(policy=None, **more):
    """A story in which both were on for a while."""
    story = Story(policy)
    story.looks(3, True, "on", **more)
    return story


def unticked(story, *edits, flag="on", **more):
    """The look at which the untick is judged."""
    return story.looks(3, False, flag, *edits, **more)[-1]


def written_back():
    story = Story()
    story.look(False, "off:s")
    story.look(True, "off:s", story.edit())
    story.looks(3, True, "on")
    return story


def full_state():
    """A state with something in every field of its domain, SD."""
    story = Story()
    story.looks(3, True, "on", story.edit())
    memory = story.memory._replace(
        unknown_since=1.5,
        seen_off=3,
        ticked_at=2.0,
        ticked_index=2,
        ticked=True,
        unsure=True,
        landed=True,
        edits=(story.edit(), story.edit("bridge \N{SNOWMAN}", ours=True)),
        off_stamp="s",
        old=("a", "b"),
        on_stamps=("c", "d"),
        refusals=3,
        refused="a VM runs",
        told=("untick:1:2",),
        comment='"\n',
        tries=3,
    )
    return State(EPOCH, Anchor(9, 1_700_000_000_123, 958), {SD: memory})

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What holds whatever happens, in random sequences of what people, storage and
the engine do, while events come late, twice, not at all, and once more.

I1  The flag goes down only by a person's command, or by an untick with the
    word in a comment that was changed in the same edit, on a host that
    allows it. And a bridge does not raise a flag that a person has lowered,
    before somebody ticks the box again: also not if older metadata come back
    then. Where they come back to a flag that was on, it is told.
I2  A bridge never unticks the box.
I3  A bridge ticks again, at most once, what a person has undone.
I4  Box off and flag off, reached in either order, ends all activity. So does
    everything else in the end, and where box and flag differ then, somebody
    was told.
I5  All of it with the faults of the engine.

A sequence that goes wrong is shown with its number. With the seed, which
pytest shows at its start, it is the same again.
"""

import collections

import pytest

from tests.support import soak
from tests.support.bridge.world import PERSON, WORLD, World
from tests.support.bridge.world_bridge import Bridge
from vdsm_backup.bridge import decide, memory, shapes

SEQUENCES = soak.times(500, 10_000)
STEPS = 80

# What people do, and what happens, each as often as it is here.
PEOPLE = [
    *["tick"] * 4,
    *["untick"] * 4,
    *["untick_to_clear"] * 3,
    *["rename"] * 2,
    "comment_only",
    "uncomment",
    *["command_line_clear"] * 2,
    *["command_line_set"] * 2,
    "old_metadata_back",
    "import_again",
]
HAPPENS = [
    "restore_engine",
    *["time_passes"] * 4,
    *["other_edits"] * 4,
    "storage_goes",
    *["storage_comes"] * 2,
    "obstacle_comes",
    *["obstacle_goes"] * 2,
    "master_changes",
]


class Sequence:
    """One random sequence: its name and the seed say all of it."""

    def __init__(self, name):
        self.name = name
        self.choices = choices = soak.choices(
            "bridge", name, of=soak.known_seed()
        )
        # How likely it is that somebody does something between two polls.
        self.busy = choices.choice([0.05, 0.2, 0.5])
        self.policy = shapes.Policy(on_untick_clear=choices.random() < 0.6)
        self.world = World(
            choices,
            faults=choices.random() < 0.8,
            allow_clear=choices.random() < 0.7,
        )
        self.bridges = [
            Bridge(
                f"bridge{number}",
                self.world,
                self.policy,
                decide.decide,
                memory.after,
                memory.told,
                decide.report_key,
            )
            for number in range(2 if choices.random() < 0.2 else 1)
        ]

    @property
    def log(self):
        return self.world.log

    def run(self):
        for _ in range(STEPS):
            self._something(self.busy)
            self.poll(between=lambda: self._something(self.busy / 10))

    def poll(self, between=None):
        self.world.next_poll()
        for bridge in self.bridges:
            if between and self.choices.random() < 0.01:
                bridge.forget()
            bridge.poll(between or (lambda: None))
        self.world.end_of_poll()

    def quiet(self, polls, seconds=600):
        """Nobody does anything, and all can be read and done."""
        world = self.world
        world.readable, world.obstacle, world.is_master = True, "", False
        for _ in range(polls):
            self.poll()
            world.now += seconds

    def _something(self, likely):
        if self.choices.random() < likely:
            getattr(self.world, self.choices.choice(PEOPLE))()
        if self.choices.random() < likely / 2:
            getattr(self.world, self.choices.choice(HAPPENS))()

    def shown(self, upto=None):
        lines = [f"  {who}: {what}" for who, what in self.log[:upto]]
        head = f"seed {soak.known_seed()}, sequence {self.name}:"
        return "\n".join([head, *lines])


# Judges: each yields what has happened as often as it should at least once.


def by_bridge(who):
    return who.startswith("bridge")


def flag_goes_down_only_by_people(sequence):
    """I1"""
    for at, (who, what) in enumerate(sequence.log):
        if not (by_bridge(who) and what == "clear"):
            continue
        yield "clear"
        told = sequence.shown(at + 1)
        assert sequence.policy.on_untick_clear, told
        assert sequence.world.allow_clear, told
        (bridge,) = [b for b in sequence.bridges if b.name == who]
        # What comes between its look and its act it does not see.
        began = max(began for began, acted in bridge.acts if acted == at)
        turns = [
            entry
            for entry in sequence.log[:began]
            if entry[1].startswith(("tick", "untick", "put"))
            or entry in {(PERSON, "import"), (WORLD, "restore")}
        ]
        if turns[-1] != (PERSON, "untick with word"):
            # Edits that the bridge cannot tell from one, as the events of all
            # others are lost. But both has happened since it saw the box on.
            assert sequence.world.faults, told
            since = sequence.log[sequence.world.clears[at] : at]
            whats = [what for who, what in since if who == PERSON]
            assert any(what.startswith("untick") for what in whats), told
            assert any(what.endswith("with word") for what in whats), told


def persons_clear_is_not_undone(sequence):
    """I1: not before a tick, or before an older flag that is on came back."""
    ends = {
        (PERSON, "tick"),
        (PERSON, "tick with word"),
        (PERSON, "import"),
        (PERSON, "set"),
    }
    cleared = None
    for at, (who, what) in enumerate(sequence.log):
        if (who, what) == (PERSON, "clear"):
            cleared = at
        elif (who, what) in ends:
            cleared = None
        elif (who, what) == (WORLD, "write back"):
            if sequence.world.written[at][0] == shapes.ON:
                cleared = None
        elif by_bridge(who) and what == "set":
            yield "set"
            if cleared is None:
                continue
            told = sequence.shown(at + 1)
            # Unless older metadata have come before it was seen.
            assert (WORLD, "write back") in sequence.log[cleared:at], told
            assert not knows(sequence, who, cleared, at), told
            yield "set over a clear that nobody has seen"
            cleared = None
    if cleared is not None and sequence.world.box:
        if (WORLD, "write back") in sequence.log[cleared:]:
            yield "not set"


def knows(sequence, who, written, at):
    """Whether that bridge has seen the flag of that entry, before another."""
    (bridge,) = [b for b in sequence.bridges if b.name == who]
    # What it knows of the storage is the same after a restore of the engine.
    since = remembered(sequence, bridge, at, {(WORLD, "state deleted")})
    since = max(written + 1, since)
    return any(
        since <= entries <= at and flag == sequence.world.written[written]
        for entries, flag in bridge.looks
    )


LOSSES = frozenset({(WORLD, "restore"), (WORLD, "state deleted")})


def remembered(sequence, bridge, at, losses=LOSSES):
    """Since which entry that bridge has forgotten nothing."""
    since = 0
    for number, entry in enumerate(sequence.log[:at]):
        if entry in losses:
            since = number + 1
        elif entry == (PERSON, "import"):
            # Its event may be late by two polls.
            looks = [n for n, _ in bridge.looks if n > number]
            since = ([number, *looks[:4]] + [at] * 4)[4]
    return since


def lost_flags_are_told(sequence):
    """I1: a flag that a bridge has seen on, and that nobody has lowered."""
    log = sequence.log
    for bridge in sequence.bridges:
        ons = [n for n, (flag, _) in bridge.looks if flag == shapes.ON]
        for at, (who, what) in enumerate(log):
            if (who, what) != (bridge.name, "set"):
                continue
            since = max((n for n in ons if n <= at), default=at)
            between = log[since:at]
            if (WORLD, "write back") not in between:
                continue
            if since < remembered(sequence, bridge, at) or any(
                who == PERSON and not what.startswith("edit")
                for who, what in between
            ):
                continue
            if any(
                since <= entries <= at and answer.row == 14
                for (entries, _), answer in zip(bridge.looks, bridge.answers)
            ):
                # After an untick: no flag was wanted any more.
                continue
            yield "told"
            told = (bridge.name, "tell write-back")
            assert told in between, sequence.shown(at + 1)


def box_stays_ticked(sequence):
    """I2"""
    for at, (who, what) in enumerate(sequence.log):
        if by_bridge(who):
            assert not what.startswith("untick"), sequence.shown(at + 1)
    for bridge in sequence.bridges:
        acts = {answer.act for answer in bridge.answers}
        assert acts <= {
            shapes.NOTHING,
            shapes.SET,
            shapes.TICK,
            shapes.CLEAR,
        }
        yield from acts


# What a bridge cannot know makes a new cause: that its state is gone, or that
# a tick was made whose answer it has not got.
SAME_CAUSE = {
    "edit",
    "edit with word",
    "untick",
    "untick with word",
    "put",
    "refused",
}


def ticks_are_repeated_once(sequence):
    """I3: in a row of unticks that nothing else interrupts."""
    for bridge in sequence.bridges:
        ticks = 0
        for at, (who, what) in enumerate(sequence.log):
            if (who, what) == (bridge.name, "put"):
                if at < remembered(sequence, bridge, at):
                    # It may not know yet of the import that has undone it.
                    continue
                ticks += 1
                yield f"{ticks} ticks"
                assert ticks <= 2, sequence.shown(at + 1)
            elif what not in SAME_CAUSE and not what.startswith("tell"):
                ticks = 0


def edits_that_meet_a_tick(sequence):
    """
    Only these are told as such: from a look to the tick. Of two bridges one
    may take the other's for its own, whose event is late or lost.
    """
    log = sequence.log
    puts = [at for at, (_, what) in enumerate(log) if what == "put"]
    for bridge in sequence.bridges:
        met = [
            put
            for began, acted in bridge.acts
            for put in [p for p in puts if p >= acted][: len(sequence.bridges)]
            if any(who == PERSON for who, _ in log[began:put])
        ]
        for at, entry in enumerate(log):
            if entry == (bridge.name, "tell overwritten"):
                yield "told"
                assert any(put < at for put in met), sequence.shown(at + 1)


def all_activity_ends(sequence):
    """I4, and for all other ways in which it can end."""
    sequence.quiet(12)
    world, before = sequence.world, len(sequence.log)
    sequence.quiet(10)
    told = sequence.shown()
    assert len(sequence.log) == before, told
    flag, _ = world.flag
    yield f"{'on' if world.box else 'off'}/{flag}"
    tells = {what for _, what in sequence.log if what.startswith("tell")}
    if (world.box, flag) == (True, shapes.NEVER):
        # A clear, and then older metadata.
        assert "tell conflict" in tells, told
    if world.box != (flag == shapes.ON):
        assert tells, told


JUDGES = {
    flag_goes_down_only_by_people: {"clear"},
    persons_clear_is_not_undone: {"set"},
    lost_flags_are_told: {"told"},
    box_stays_ticked: set(),
    ticks_are_repeated_once: {"2 ticks"},
    edits_that_meet_a_tick: set(),
    all_activity_ends: {"on/on", "off/off", "off/on", "on/off"},
}


@pytest.mark.soak
@pytest.mark.slow("thousands of looks")
def test_invariants():
    met = collections.defaultdict(set)
    for number in range(SEQUENCES):
        sequence = Sequence(number)
        sequence.run()
        for judge in JUDGES:
            met[judge].update(judge(sequence))
    for judge, expected in JUDGES.items():
        assert expected <= met[judge], judge.__name__

# SPDX-License-Identifier: GPL-2.0-or-later
"""
An engine, a storage domain, and the people who change both, as a simulation.

It knows what a real engine and a real storage do, and nothing of how a bridge
decides: only what a bridge may see (shapes.Look) and what it may do.

The engine answers events late (by up to two polls), loses them, tells them
twice, and after a restore of its database gives their indexes once more.
`log` has what has happened, for whoever judges it: tuples (who, what).
"""

from __future__ import annotations

from vdsm_backup.bridge import shapes

POLL = 5.0

# Who does something: a person, a bridge by its number, or the world.
PERSON = "person"
WORLD = "world"

# Seconds within which the engine makes a tick that it has not answered.
LATEST = 300

USERS = ("anna@internal", "bob@ad", "admin@internal-authz")


def _has_word(comment):
    return comment.lower().startswith("clear backup")


class Event:
    def __init__(self, index, time, code, user, ours, seen_from):
        self.index = index
        self.time = time
        self.code = code
        self.user = user
        self.ours = ours
        #: Number of the poll from which the engine answers it.
        self.seen_from = seen_from


class World:
    """
    choices: a random.Random, for all that the world does by itself.
    faults: whether events come late, twice or not at all.
    allow_clear: whether the host lets a bridge clear the flag.
    """

    def __init__(self, choices, faults=True, allow_clear=True):
        self.choices = choices
        self.faults = faults
        self.allow_clear = allow_clear
        self.now = 1_700_000_000.0
        self.poll = 0
        self.epoch = 1
        self.box = choices.random() < 0.5
        self.comment = ""
        self.index = 1000
        self.events = []
        # What storage says: (value, stamp); older states may come back.
        self.flag = choices.choice(
            [
                (shapes.NEVER, ""),
                (shapes.ON, "stamp-0"),
                (shapes.OFF, "stamp-0"),
            ]
        )
        # Before the first flag there was none.
        self.older = [(shapes.NEVER, "")]
        self.readable = True
        self.obstacle = ""
        self.is_master = False
        self.stamps = 0
        # Whether the engine has the domain at all.
        self.is_listed = True
        # {bridge: entries that were there when it last read the box as on}
        self.seen_on = {}
        # Number of the poll at which a tick of a bridge comes, and whose.
        self.on_its_way = None
        self.log = []
        #: {number of the entry of a bridge's clear: the same of that bridge}
        self.clears = {}
        #: {number of an entry: the flag that it has written}
        self.written = {}

    # What people do

    def tick(self):
        if not self.box:
            self._edit(box=True)

    def untick(self):
        if self.box:
            self._edit(box=False)

    def untick_to_clear(self):
        if self.box:
            self._edit(box=False, comment=f"Clear backup, {self.poll}")

    def rename(self):
        """An edit that has nothing to do with the box."""
        self._edit(box=self.box)

    def comment_only(self):
        self._edit(box=self.box, comment=f"clear backup {self.poll}")

    def uncomment(self):
        self._edit(box=self.box, comment="copies of site A")

    def _edit(self, box, comment=None):
        if not self.is_listed:
            return
        user = self.choices.choice(USERS)
        what = "edit"
        if box != self.box:
            what = "tick" if box else "untick"
        if comment is not None:
            if _has_word(comment) and not _has_word(self.comment):
                what += " with word"
            self.comment = comment
        self.box = box
        self.log.append((PERSON, what))
        self._event(958, user, ours=False)

    def command_line_clear(self):
        if self.flag[0] == shapes.ON:
            self._write((shapes.OFF, self._stamp()), PERSON, "clear")

    def command_line_set(self):
        if self.flag[0] != shapes.ON:
            self._write((shapes.ON, self._stamp()), PERSON, "set")

    def old_metadata_back(self):
        """`restore --from`, or a host without the plugin."""
        self._write(self.choices.choice(self.older), WORLD, "write back")

    def import_again(self):
        """
        The domain is destroyed in the engine, and imported after the next
        poll.
        """
        if not self.is_listed:
            return
        self.is_listed = False
        self.box = self.choices.random() < 0.3
        self.comment = ""
        self.log.append((PERSON, "import"))
        self._event(956, self.choices.choice(USERS), ours=False)

    # What happens

    def restore_engine(self):
        """From a backup: fewer events, and their indexes come once more."""
        self.box = self.choices.random() < 0.5
        self.index -= self.choices.randrange(1, 200)
        self.events = []
        self.epoch += 1
        self.log.append((WORLD, "restore"))

    def time_passes(self):
        self.now += self.choices.choice([60, 600, 1900, 7200])

    def other_edits(self):
        """Events of something else: the indexes go on."""
        self.index += self.choices.randrange(1, 30)

    def storage_goes(self):
        self.readable = False

    def storage_comes(self):
        self.readable = True

    def obstacle_comes(self):
        self.obstacle = self.choices.choice(["unattached", "no-plugin"])

    def obstacle_goes(self):
        self.obstacle = ""

    def master_changes(self):
        self.is_master = not self.is_master

    # What a bridge sees

    def end_of_poll(self):
        self.is_listed = True

    def next_poll(self):
        self.poll += 1
        self.now += POLL
        poll, latest, who = self.on_its_way or (self.poll + 1, 0.0, "")
        if self.poll >= poll or (who and self.now > latest):
            self.on_its_way = None
            self.log.append((who, "unsure"))
            self._put(who)

    def read_events(self):
        """(epoch, newest index, edits, newest import)."""
        there = [e for e in self.events if e.seen_from <= self.poll]
        edits = [
            shapes.Edit(e.index, e.time, e.user, e.ours)
            for e in there
            if e.code == 958 and not self._purged(e)
        ]
        if self.faults and edits and self.choices.random() < 0.2:
            edits.append(self.choices.choice(edits))
            self.choices.shuffle(edits)
        imported = max((e.index for e in there if e.code == 956), default=0)
        return self.epoch, self.index, tuple(edits), imported

    def _purged(self, event):
        return event.index < self.index - 400

    def read_box(self, who):
        if self.box:
            self.seen_on[who] = len(self.log)
        return self.box, self.comment

    def read_flag(self):
        if not self.readable or self.obstacle == "unattached":
            return shapes.UNKNOWN, ""
        return self.flag

    # What a bridge does

    def set(self, who):
        """Raise the flag. Returns whether it was done."""
        if self.obstacle or not self.readable or self.is_master:
            return shapes.FAILED
        if self.flag[0] != shapes.ON:
            self._write((shapes.ON, self._stamp()), who, "set")
        return shapes.DONE

    def put(self, who):
        """Tick the box, as the engine does: the event comes after it."""
        self.on_its_way = None
        if self.choices.random() < 0.1:
            self.log.append((who, "refused"))
            return shapes.REFUSED
        if self.choices.random() < 0.1:
            # No answer came.
            done = self.choices.choice(["now", "later", "never"])
            if done == "now":
                self._put(who)
            elif done == "later" and self.faults:
                later = self.poll + self.choices.randrange(1, 8)
                self.on_its_way = later, self.now + LATEST, who
            self.log.append((who, "unsure"))
            return shapes.UNSURE
        self._put(who)
        return shapes.DONE

    def _put(self, who):
        self.log.append((who, "put"))
        self.box = True
        self._event(958, "bridge@internal", ours=True)

    def clear(self, who):
        """Returns (outcome, stamp)."""
        if not self.allow_clear:
            return shapes.NOT_ALLOWED, ""
        if self.obstacle or not self.readable:
            return shapes.FAILED, ""
        stamp = self._stamp()
        self.clears[len(self.log)] = self.seen_on.get(who, 0)
        self._write((shapes.OFF, stamp), who, "clear")
        return shapes.DONE, stamp

    def _write(self, flag, who, what):
        self.older.append(self.flag)
        self.flag = flag
        self.written[len(self.log)] = flag
        self.log.append((who, what))

    def _stamp(self):
        self.stamps += 1
        return f"stamp-{self.stamps}"

    def _event(self, code, user, ours):
        self.index += self.choices.randrange(1, 4)
        late = 0
        if self.faults:
            if code == 958 and self.choices.random() < 0.15:
                return
            late = self.choices.choice([0, 0, 0, 1, 2])
        time, seen_from = int(self.now * 1000), self.poll + late
        event = Event(self.index, time, code, user, ours, seen_from)
        self.events.append(event)

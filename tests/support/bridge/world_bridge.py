# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs a bridge in the simulated world (world.py)."""

from __future__ import annotations

from tests.support.bridge.world import WORLD
from vdsm_backup.bridge import shapes


class Bridge:
    """
    What runs a bridge: the order of reading, and the look right before an
    act. It may be killed at any step.

    decide, after, told: as those of vdsm_backup.bridge.
    looks: (entries of the log that were there, flag as it was read) of all
        that were judged.
    acts: (entries that were there when it read the events, and when it acted)
        of all acts, also those that it was killed right before.
    """

    def __init__(self, name, world, policy, decide, after, told, key):
        self.name = name
        self.world = world
        self.policy = policy
        self._decide = decide
        self._after = after
        self._told = told
        self._key = key
        self.memory = None
        self.answers = []
        self.looks = []
        self.acts = []

    def poll(self, between=lambda: None):
        """
        between: called at each place where somebody else can do something.
        """
        world = self.world
        if not world.is_listed:
            self.memory = None
            return
        began = len(world.log)
        epoch, index, edits, imported = world.read_events()
        between()
        box, comment = world.read_box(self.name)
        between()
        flag, stamp = world.read_flag()
        entries = len(world.log)
        if epoch != world.epoch:
            # The next read of events tells; nothing that was read is good.
            return
        look = shapes.Look(
            epoch,
            index,
            edits,
            imported,
            box,
            comment,
            flag,
            stamp,
            world.now,
            is_master=world.is_master,
            obstacle=world.obstacle,
        )
        answer, self.memory = self._decide(self.memory, look, self.policy)
        self.looks.append((entries, (flag, stamp)))
        between()
        self._act(answer, look, began)
        self.answers.append(answer)

    def _act(self, answer, look, began):
        world = self.world
        if answer.tell:
            world.log.append((self.name, f"tell {answer.tell}"))
            self.memory = self._told(self.memory, self._key(answer))
        if answer.act == shapes.NOTHING:
            return
        self.acts.append((began, len(world.log)))
        # Both sides again, right before.
        again = (world.box, *world.read_flag())
        if not world.is_listed or again != (look.box, look.flag, look.stamp):
            return
        if world.choices.random() < 0.03:
            world.log.append((self.name, "unsure"))
            return
        stamp = ""
        if answer.act == shapes.SET:
            outcome = world.set(self.name)
        elif answer.act == shapes.TICK:
            outcome = world.put(self.name)
        else:
            outcome, stamp = world.clear(self.name)
        if look.epoch != world.epoch:
            # What was done belongs to what was before the restore.
            world.log.append((self.name, "unsure"))
        if world.choices.random() < 0.03:
            # Killed right after.
            world.log.append((self.name, "unsure"))
            return
        self.memory = self._after(
            self.memory, answer.act, outcome, world.now, stamp
        )

    def forget(self):
        """Somebody deletes the state."""
        self.memory = None
        self.world.log.append((WORLD, "state deleted"))

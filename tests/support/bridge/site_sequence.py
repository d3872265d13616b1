# SPDX-License-Identifier: GPL-2.0-or-later
"""
A random sequence of what people do in a site (site.py), what happens there,
and what goes wrong, with one bridge or two.
"""

from __future__ import annotations

from tests.support import soak
from tests.support.bridge import site_bridge, site_engine
from tests.support.bridge.site import WORLD, Site
from tests.support.bridge.site_people import People
from tests.support.bridge.site_troubles import Troubles
from vdsm_backup.bridge import memory

STEPS = 36
POLL = 5.0

# What people do, each as often as it is here.
PEOPLE = [
    *["tick"] * 4,
    *["tick_and_extend"] * 2,
    *["untick"] * 4,
    *["untick_to_clear"] * 2,
    *["edit", "comment", "open_dialog", "confirm_dialog"],
    *["clear"] * 3,
    *["set"] * 2,
    "clear_and_set",
    "write_back",
    "write_back_never",
    "remove",
]

# The same where somebody does not want what the bridge does.
UNTICKERS = [*PEOPLE, *["untick"] * 30, *["set"] * 6]

# The same while the engine writes a domain.
EDITORS = [*PEOPLE, *["edit", "comment"] * 12]

# What goes wrong, with how it ends.
TROUBLES = [
    ("time_passes", "other_events"),
    ("other_events", "events_are_dismissed"),
    ("many_events", "other_events"),
    ("engine_goes", "engine_comes"),
    ("engine_is_backed_up", "engine_is_restored"),
    ("host_goes", "hosts_come"),
    ("plugin_goes", "plugins_come"),
    ("spm_moves", "spm_moves"),
    ("center_goes", "centers_come"),
    ("domain_is_locked", "domains_come"),
    ("domain_goes", "domains_come"),
    ("domain_moves", "domain_moves"),
    ("domain_is_of_another_engine", "domains_are_ours"),
    ("storage_goes", "storage_comes"),
    ("master_changes", "master_changes"),
    ("vm_starts", "vms_stop"),
]

# Calls that fail once, and how likely.
FAULTS = {
    "connection": 0.02,
    "login": 0.01,
    "report": 0.2,
    "refusal": 0.15,
    "no answer": 0.3,
    "event twice": 0.2,
    "ssh": 0.03,
    "garbage": 0.02,
    "outcome unknown": 0.1,
    "disk": 0.03,
}


class Sequence:
    """One random sequence: its name and the seed say all of it."""

    def __init__(self, name, directory):
        """directory: for the states of the bridges; there are none yet."""
        self.name = name
        self.choices = choices = soak.choices(
            "site", name, of=soak.known_seed()
        )
        # How likely it is that somebody does something between two polls.
        self.busy = choices.choice([0.1, 0.3, 0.6])
        self.allow_clear = choices.random() < 0.7
        self.on_untick_clear = choices.random() < 0.6
        self.site = Site(
            choices,
            choices.random() < 0.7,
            self.allow_clear,
            choices.choice([2, 3]),
        )
        self.people = People(self.site)
        self.troubles = Troubles(self.site, self._restored)
        # Few of them in one sequence, so that each meets all others in time.
        few = choices.sample(TROUBLES, choices.randrange(6))
        self._troubles = [name for pair in few for name in pair]
        self._faults = choices.sample(
            sorted(FAULTS), choices.choice([0, 2, len(FAULTS)])
        )
        self._kill = choices.choice([0.0, 0.0, 0.03])
        self._clock = choices.choice([0.0, 0.0, 0.05])
        self._usual = PEOPLE
        self._special()
        ours = site_bridge.settings(directory, self.on_untick_clear)
        more = self.site, ours, self._step, self._chance
        self._is_calm = True
        count = 2 if choices.random() < 0.15 else 1
        self.bridges = [
            site_bridge.Bridge(f"bridge{number}", *more)
            for number in range(count)
        ]
        #: Entries of the log when all was calm, and some marks after that.
        self.marks = {}
        #: Names of bridges that do not sleep when all is calm, and soon
        #: after that (name, UUID) of domains where an act or look has failed.
        self.awake, self.waiting = set(), set()

    def _special(self):
        """Domains that are not as the others."""
        site, choices = self.site, self.choices
        first, *others = site.domains.values()
        if choices.random() < 0.25:
            how = choices.choice(site_engine.IN_THE_ENGINE)
            site.broken[first.id] = how
            # There is something to tell, or a tick to make.
            first.backup = how == site_engine.TELL_UNREACHABLE
            flag = "off" if first.backup else "on"
            site.storage[first.id] = site.row(first.id, flag, "at first")
            if choices.random() < 0.5:
                how = choices.choice(site_engine.IN_THE_ENGINE)
                site.ailing[others[0].id] = how
        if choices.random() < 0.6:
            # The same one again and again, so that much meets there.
            self.people.favourite = others[0]
            if choices.random() < 0.4:
                self._usual = UNTICKERS
        if choices.random() < 0.1:
            others[-1].type = "iso"
            site.storage[others[-1].id] = site.row(others[-1].id, "never", "")
        elif choices.random() < 0.1 and site.flag(others[-1].id) != "on":
            site.hosted_engine.add(others[-1].id)

    def run_all(self):
        """All of it. An error of the bridge's own is shown with the log."""
        try:
            self.run()
            self.calm()
        except Exception as e:
            raise AssertionError(self.shown()) from e
        finally:
            for bridge in self.bridges:
                bridge.close()

    def run(self):
        self._is_calm = False
        for _ in range(STEPS):
            self._people(self.busy)
            self._happens(self.busy / 2)
            self._bridges()
            self.poll()
        # What happens last is what is judged most.
        for _ in range(3):
            self._people(1.0)
            self.poll()

    def poll(self, seconds=POLL):
        self.site.now += seconds
        for bridge in self.bridges:
            bridge.turn()

    def calm(self):
        """
        From now on nobody does anything, and nothing fails. Long enough for
        what has failed before to be tried again.
        """
        self._is_calm = True
        self.troubles.calm()
        self.people.import_all()
        for bridge in self.bridges:
            bridge.is_there = True
        self._mark("calm")
        self.awake = {
            bridge.name
            for bridge in self.bridges
            if bridge.wakes_at <= self.site.now + POLL
        }
        self._polls(5, 5, 5, 5, 5, 5, 60, 5, 5, 5)
        self._mark("soon")
        self.waiting = {
            (bridge.name, sd_id)
            for bridge in self.bridges
            for sd_id, known in bridge.bridge.state.domains.items()
            if known.tries or bridge.waits(sd_id)
        }
        for _ in range(2):
            self._polls(memory.RETRIES[-1], 5, 5, 5, 5)
        self._polls(300, 5, 5, 5)
        self._mark("late")
        self._polls(300, 5, 5, 1800, 5, 5)
        self._mark("restarted")
        for bridge in self.bridges:
            bridge.restart()
        self._polls(5, 5, 5, 300, 5)

    def _polls(self, *waits):
        for seconds in waits:
            self.poll(seconds)

    def _mark(self, name):
        self.marks[name] = len(self.site.log)

    # What happens

    def _people(self, likely, people=()):
        if self.choices.random() < likely:
            name = self.choices.choice(people or self._usual)
            getattr(self.people, name)()
        if self.choices.random() < likely / 3:
            self.people.extended()
        if self.site.removed and self.choices.random() < 0.3:
            self.people.import_all()

    def _happens(self, likely):
        if self._troubles and self.choices.random() < likely:
            getattr(self.troubles, self.choices.choice(self._troubles))()

    def _bridges(self):
        """What may happen to each of them."""
        for bridge in self.bridges:
            chance = self.choices.random()
            if chance < self._clock:
                bridge.skew += self.choices.choice([-20_000, -100, 5000])
                self.site.note(bridge.name, "", "clock changes")
            elif chance < self._clock + 0.01:
                bridge.is_there = not bridge.is_there
            elif chance < self._clock + 0.015:
                bridge.restart(lose_state=True)

    def _step(self, name):
        if self._is_calm:
            return
        if name == site_engine.BETWEEN:
            self._people(0.5, EDITORS)
        else:
            self._people(self.busy / 30)
        if self._kill and self.choices.random() < self._kill:
            raise site_bridge.Killed(name)

    def _chance(self, fault):
        return (
            not self._is_calm
            and fault in self._faults
            and self.choices.random() < FAULTS[fault]
        )

    def _restored(self, index):
        anchors = [bridge.bridge.state.anchor for bridge in self.bridges]
        seen = all(a is not None and a.number > index for a in anchors)
        self.site.note(WORLD, "", "restore" if seen else "restore unseen")

    def shown(self, sd_id=None, upto=None):
        """The log; of one domain only, if it is given."""
        lines = [
            f"{at:5} {entry.who}: {self._named(entry.domain)}{entry.what}"
            + ("" if entry.is_told else " (no event)")
            for at, entry in enumerate(self.site.log[:upto])
            if sd_id is None or entry.domain in (sd_id, "")
        ]
        head = f"seed {soak.known_seed()}, sequence {self.name}, {self.marks}:"
        return "\n".join([head, *lines])

    def _named(self, sd_id):
        return f"{self.site.domains[sd_id].name}: " if sd_id else ""

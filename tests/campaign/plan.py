# SPDX-License-Identifier: GPL-2.0-or-later
"""
The plan of a case: a pure function of the seed, the part and the number.

A fault is made at a step of the change. The tool waits at each of these
steps, until the fault was made; `after` then lets the fault come some time
after the tool went on. Steps of the write that takes a flag back have "undo "
before their names.
"""

from __future__ import annotations

import errno
import random
from dataclasses import dataclass, field

PARTS = ("held", "tool", "hosts")

# Steps of the write itself, by the kind of domain: Writer.write().
WRITE = {
    "file": ("compare", "create", "write", "check", "commit", "confirm"),
    "block": ("compare", "commit", "confirm"),
}

# What a call to storage may meet, below "metadata" and what begins so.
CALLS = (
    "open",
    "create",
    "read",
    "write",
    "fsync",
    "rename",
    "getattr",
    "chmod",
    "unlink",
    "truncate",
    "utimens",
)
# Of the device of a PV.
OF_DEVICE = ("read", "write")
# These are about the directory.
OF_DIRECTORY = ("readdir", "fsyncdir")

ERRORS = ("EIO", "ENOSPC", "EDQUOT", "ESTALE", "ENOENT", "ETIMEDOUT")

# Keys that VDSM changes when it creates a pool, without a lease.
VDSM_KEYS = (
    "LEASERETRIES",
    "LEASETIMESEC",
    "LOCKRENEWALINTERVALSEC",
    "IOOPTIMEOUTSEC",
)


@dataclass(frozen=True)
class Fault:
    """
    at: the step. after: seconds after the tool went on from it.

    what: "signal": `how` to the process `target`, which goes on after
              `lasts` seconds if it was stopped.
          "fail": the call `target` fails with the errno named `how`.
          "hang": it hangs.
          "late": a rename fails, and is carried out afterwards.
          "vdsm": VDSM changes the key `target`, without a lease.
          "host": the tool's host stands still, while another one changes
              the flag.
          "second": another host tries to change the flag.
          "lost": sanlock takes the lease away.
          "daemon": sanlock is killed, and started again.
          "frozen": as "host", with its sanlock, until its lease has expired.
    lasts: seconds; None: until the tool has ended.
    """

    at: str
    what: str
    target: str = ""
    how: str = ""
    after: float = 0
    lasts: float | None = None

    def errno(self):
        return getattr(errno, self.how)

    def __str__(self):
        words = [self.what, self.target, self.how]
        text = " ".join(word for word in words if word)
        if self.lasts is not None:
            text += f" for {self.lasts:g} s"
        when = f" {self.after * 1000:.0f} ms after" if self.after else " at"
        return f"{text}{when} {self.at}"


@dataclass(frozen=True)
class Plan:
    """
    backend: [storage] ioprocess. start: "whole", "gone" or "broken".
    undo: a user of the domain comes while the flag is set.
    joined: the host is in the lockspace before, as a host of VDSM is.
    """

    part: str
    number: int
    seed: int
    kind: str
    backend: str
    action: str
    start: str
    undo: bool = False
    joined: bool = False
    faults: tuple[Fault, ...] = field(default=())

    def __str__(self):
        faults = ", ".join(map(str, self.faults)) or "no fault"
        more = " that is undone" * self.undo + " joined" * self.joined
        return (
            f"{self.action}{more} on {self.start} {self.kind}"
            f" ({self.backend}): {faults}"
        )

    @property
    def reason(self):
        return f"of case {self.number}"

    def command(self):
        """What repeats the case, in a shell in the checkout."""
        return (
            f"SEED={self.seed} .venv/bin/python -m tests.campaign"
            f" {self.part} {self.number}"
        )


def steps(kind, undo):
    """All steps of a change, in order."""
    once = WRITE[kind]
    back = [f"undo {step}" for step in once] if undo else []
    return ["begin", "leased", *once, "written", *back, "released"]


def draw(part, seed, number):
    chance = random.Random(f"{seed}-{part}-{number}")
    kind = chance.choice(["file", "file", "block"])
    backend = chance.choice(["embedded", "installed"])
    action = chance.choice(["set", "set", "clear", "restore"])
    start = "whole"
    if action == "restore":
        broken = ["broken"] if kind == "block" else ["broken", "gone"]
        start = chance.choice(["whole", *broken])
    undo = action == "set" and part == "held" and chance.random() < 0.15
    joined = part == "tool" and chance.random() < 0.7
    if start == "gone":
        # Nobody can tell then whether VDSM on this host has the domain, and
        # the restore is refused where the host is in the lockspace.
        joined = False
    number_of_faults = chance.choices([0, 1, 2, 3], [2, 68, 22, 8])[0]
    draws = _DRAWS[part][kind]
    faults = [
        _fault(chance, draws, kind, undo) for _ in range(number_of_faults)
    ]
    if kind == "block" and any(f.what in ("fail", "hang") for f in faults):
        # Others have the same device.
        faults = [f for f in faults if f.what not in ("vdsm", "host")]
    if part == "hosts":
        faults = faults[:1] or [_fault(chance, draws, kind, undo)]
    return Plan(
        *(part, number, seed, kind, backend, action, start, undo, joined),
        tuple(faults),
    )


def _fault(chance, draws, kind, undo):
    names, weights = zip(*draws.items())
    make = chance.choices(names, weights)[0]
    return make(chance, kind, steps(kind, undo))


def _moment(chance, at):
    """(step, seconds after it)"""
    after = 0 if chance.random() < 0.6 else chance.random() * 0.06
    return chance.choice(at), round(after, 4)


def _signal(chance, kind, at):
    targets = ["tool", "writer", "worker" if kind == "file" else "lvm"]
    return _signal_to(chance, targets, at)


def _signal_with_holder(chance, kind, at):
    targets = ["tool", "writer", "holder"]
    targets += ["worker" if kind == "file" else "lvm"]
    return _signal_to(chance, targets, at)


def _signal_to(chance, targets, at):
    step, after = _moment(chance, at)
    target = chance.choice(targets)
    how = chance.choice(["KILL", "KILL", "STOP"])
    if target == "tool" and chance.random() < 0.2:
        how = "INT"
    lasts = _lasts(chance, 0.12) if how == "STOP" else None
    return Fault(step, "signal", target, how, after, lasts)


def _lasts(chance, for_good):
    if chance.random() < for_good:
        return None
    return round(chance.uniform(0.02, 0.6), 3)


def _call(chance):
    if chance.random() < 0.2:
        return chance.choice(OF_DIRECTORY)
    return chance.choice(CALLS)


def _fail(chance, kind, at):
    step, after = _moment(chance, at)
    lasts = _lasts(chance, 0.5)
    how = chance.choice(ERRORS)
    return Fault(step, "fail", _call(chance), how, after, lasts)


def _hang(chance, kind, at):
    step, after = _moment(chance, at)
    return Fault(step, "hang", _call(chance), "", after, _lasts(chance, 0.12))


def _device(chance, kind, at):
    step, after = _moment(chance, at)
    call = chance.choice(OF_DEVICE)
    if chance.random() < 0.75:
        lasts = _lasts(chance, 0.4)
        return Fault(step, "fail", call, "EIO", after, lasts)
    return Fault(step, "hang", call, "", after, _lasts(chance, 0.12))


def _late(chance, kind, at):
    how = chance.choice(["EIO", "ETIMEDOUT", "ESTALE"])
    return Fault("begin", "late", "rename", how, 0, _lasts(chance, 0.7))


def _vdsm(chance, kind, at):
    # Two vgchange at once can destroy a VG, whoever they are: the tool waits
    # at the step.
    step = chance.choice(at)
    after = 0
    if kind == "file" and chance.random() < 0.3:
        after = round(chance.random() * 0.05, 4)
    return Fault(step, "vdsm", chance.choice(VDSM_KEYS), "", after)


def _host(chance, kind, at):
    before = [step for step in at if step not in ("begin", "released")]
    return Fault(chance.choice(before), "host", after=_stop(chance, kind))


def _stop(chance, kind):
    """
    Seconds after the step at which a host may stand still: a vgchange that
    has begun is not fenced, all on files is.
    """
    if kind == "block" or chance.random() < 0.5:
        return 0
    return round(chance.random() * 0.06, 4)


def _second(chance, kind, at):
    # We have the lease.
    return Fault(chance.choice([*WRITE[kind], "written"]), "second")


def _lost(chance, kind, at):
    return Fault(chance.choice(at), "lost")


def _daemon(chance, kind, at):
    step, after = _moment(chance, at)
    return Fault(step, "daemon", after=after)


def _frozen(chance, kind, at):
    step = chance.choice(WRITE[kind][:-1])
    # Whoever would tell of the lost lease comes later.
    return Fault(step, "frozen", after=_stop(chance, kind), lasts=3)


_ON_FILES = {_signal: 38, _fail: 20, _hang: 8, _late: 5}
_ON_BLOCKS = {_signal: 38, _device: 25}
_OTHERS = {_vdsm: 16, _host: 12, _lost: 4}

_DRAWS = {
    "held": {
        "file": {**_ON_FILES, **_OTHERS},
        "block": {**_ON_BLOCKS, **_OTHERS},
    },
    "tool": {
        "file": {
            _signal_with_holder: 50,
            _fail: 20,
            _hang: 6,
            _vdsm: 16,
            _second: 8,
        },
        "block": {_signal_with_holder: 60, _vdsm: 16, _second: 8},
    },
    "hosts": {
        "file": {_daemon: 1, _frozen: 1},
        "block": {_daemon: 1, _frozen: 1},
    },
}

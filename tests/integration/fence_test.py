# SPDX-License-Identifier: GPL-2.0-or-later
"""
Writers of a file domain that were stopped, anywhere and for any time, and go
on when another one has changed the metadata: their changes are never lost,
and never said to be made when they are not.
"""

import os
import threading

import pytest

from tests.support import soak
from tests.support.storage import filedomain
from tests.support.storage.filewriting import (
    BEFORE_CONFIRM,
    at,
    flagged_lines,
    no_steps,
    put,
    storage_on,
    temporaries,
)
from vdsm_backup import errors
from vdsm_backup.fileio import choose
from vdsm_backup.metadata import encoding
from vdsm_backup.storage.file import FileStorage

# Stopped at a step, while another host makes a whole change


@pytest.mark.parametrize("changes", [1, 2])
@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_stopped_while_another_host_changes_it(
    mount, backend, sd_id, step, changes
):
    storage = storage_on(mount, backend, sd_id)
    other = storage_on(mount, backend, sd_id)
    old, ours = storage.read(), flagged_lines(sd_id, "ours")
    theirs = [flagged_lines(sd_id, f"theirs {n}") for n in range(changes)]

    def other_changes():
        for before, after in zip([old, *theirs], theirs):
            other.write(before, after, no_steps)

    with pytest.raises((errors.WriteFailed, errors.MetadataChanged)):
        storage.write(old, ours, at(step, other_changes))
    assert storage.read() == theirs[-1]
    assert temporaries(mount, sd_id) == []


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
@pytest.mark.parametrize("left", ["nothing", "broken"])
def test_stopped_while_another_host_restores_it(
    mount, backend, sd_id, step, left
):
    storage = storage_on(mount, backend, sd_id)
    other = storage_on(mount, backend, sd_id)
    old, ours, theirs = (
        None,
        flagged_lines(sd_id, "a"),
        flagged_lines(sd_id, "b"),
    )
    if left == "broken":
        old = ["SDUUID=damaged"]
    put(mount, sd_id, old)

    def other_restores():
        other.write(old, theirs, no_steps)

    with pytest.raises((errors.WriteFailed, errors.MetadataChanged)):
        storage.write(old, ours, at(step, other_restores))
    assert storage.read() == theirs
    assert temporaries(mount, sd_id) == []


def test_stopped_after_it_was_made(mount, backend, sd_id):
    """Then the change was made, and the other one is not lost."""
    storage = storage_on(mount, backend, sd_id)
    other = storage_on(mount, backend, sd_id)
    old, ours = storage.read(), flagged_lines(sd_id, "ours")
    theirs = flagged_lines(sd_id, "theirs")
    change = at("confirm", lambda: other.write(ours, theirs, no_steps))
    with pytest.raises(errors.OutcomeUnknown) as e:
        storage.write(old, ours, change)
    assert "somebody else has changed it since" in str(e.value)
    assert storage.read() == theirs


def test_second_write_under_the_same_lease(mount, backend, sd_id):
    storage = storage_on(mount, backend, sd_id)
    stale = storage_on(mount, backend, sd_id)
    old, ours = storage.read(), flagged_lines(sd_id, "ours")

    def undo():
        storage.write(old, ours, no_steps)
        storage.write(ours, old, no_steps)

    with pytest.raises(errors.WriteFailed):
        stale.write(old, flagged_lines(sd_id, "stale"), at("commit", undo))
    assert storage.read() == old
    assert temporaries(mount, sd_id) == []


# Thawed while another host is in the middle of its own change


class Frozen(threading.Thread):
    """A writer that stops at a step until it is thawed."""

    def __init__(self, storage, old, new, step):
        super().__init__()
        self._write = lambda: storage.write(
            old, new, at(step, self._stand_still)
        )
        self._stopped = threading.Event()
        self._go_on = threading.Event()
        self.error = None
        self.start()
        self._stopped.wait()

    def run(self):
        try:
            self._write()
        except errors.Error as e:
            self.error = e
        finally:
            self._stopped.set()

    def _stand_still(self):
        self._stopped.set()
        self._go_on.wait()

    def thaw(self):
        self._go_on.set()
        self.join()


@pytest.mark.parametrize("thawed_at", [*BEFORE_CONFIRM, "confirm"])
@pytest.mark.parametrize("stopped_at", BEFORE_CONFIRM)
def test_thawed_in_the_middle_of_another_change(
    mount, backend, sd_id, stopped_at, thawed_at
):
    storage = storage_on(mount, backend, sd_id)
    other = storage_on(mount, backend, sd_id)
    old, ours = storage.read(), flagged_lines(sd_id, "ours")
    theirs = flagged_lines(sd_id, "theirs")
    frozen = Frozen(storage, old, ours, stopped_at)
    failed = None
    try:
        other.write(old, theirs, at(thawed_at, frozen.thaw))
    except errors.Error as e:
        failed = e
    frozen.thaw()
    # One of them was made, and the other one does not say it was.
    assert bool(failed) != bool(frozen.error)
    assert other.read() == (ours if failed else theirs)
    if thawed_at != "compare" and stopped_at in ("check", "commit"):
        # Whoever has the lease now.
        assert not failed
    if thawed_at == "confirm":
        assert not failed


# Any two writers, call by call


class Turns:
    """Lets one of two threads make its next call, in a random order."""

    def __init__(self, number):
        self._choose = soak.choices("turns", number)
        self._waiting = {}
        self._changed = threading.Condition()
        self._running = 2

    def wait(self):
        # By name, so that one seed gives one order.
        me = threading.current_thread().name
        with self._changed:
            self._waiting[me] = False
            self._next()
            self._changed.wait_for(lambda: self._waiting[me])
            del self._waiting[me]

    def end(self):
        with self._changed:
            self._running -= 1
            self._next()

    def _next(self):
        if self._running and len(self._waiting) == self._running:
            chosen = self._choose.choice(sorted(self._waiting))
            self._waiting[chosen] = True
            self._changed.notify_all()


class InTurns:
    """A FileIO whose calls wait for their turn."""

    kind = "embedded"

    def __init__(self, io, turns):
        self._io = io
        self._turns = turns

    def __getattr__(self, name):
        call = getattr(self._io, name)

        def in_turn(*args, **kwargs):
            self._turns.wait()
            return call(*args, **kwargs)

        return in_turn


class Writer(threading.Thread):
    def __init__(self, name, mount, sd_id, io, turns, old, new):
        super().__init__(name=name)
        directory = os.path.join(mount, sd_id)
        io = InTurns(io, turns)
        self._storage = FileStorage(sd_id, directory, io, 0)
        self._turns = turns
        self._old = old
        self.new = new
        self.error = None

    def run(self):
        try:
            self._storage.write(self._old, self.new, no_steps)
        except errors.Error as e:
            self.error = e
        finally:
            self._turns.end()


@pytest.mark.soak
@pytest.mark.slow("it repeats")
@pytest.mark.parametrize("left", ["whole", "broken", "nothing"])
def test_two_writers_in_any_order(mount, sd_id, left):
    """As if there were no lease at all."""
    ios = [choose.open("embedded", mount, 60) for _ in range(2)]
    whole = storage_on(mount, "embedded", sd_id).read()
    old = {"whole": whole, "broken": whole[:-1], "nothing": None}[left]
    made = []
    for number in range(soak.times(60, 300)):
        put(mount, sd_id, old)
        turns = Turns(number)
        writers = [
            Writer(n, mount, sd_id, io, turns, old, flagged_lines(sd_id, n))
            for n, io in zip("ab", ios)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        well = [writer.new for writer in writers if not writer.error]
        assert len(well) < 2, number
        made.append(len(well))
        found = None
        if os.path.exists(filedomain.path(mount, sd_id)):
            data = filedomain.get_bytes(mount, sd_id)
            found = encoding.decode_file(data, sd_id)
        # Nobody who failed has won, unless its outcome is unknown.
        unknown = [
            writer.new
            for writer in writers
            if isinstance(writer.error, errors.OutcomeUnknown)
        ]
        assert found in (well or [old, *unknown]), number
    # It is a race, and mostly somebody wins it.
    print(f"{sum(made)} of {len(made)} were won")
    assert sum(made) > len(made) / 2

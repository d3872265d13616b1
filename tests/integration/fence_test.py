# SPDX-License-Identifier: GPL-2.0-or-later
"""
Writers of a file domain that were stopped, anywhere and for any time, and go
on when another one has changed the metadata: their changes are never lost,
and never said to be made when they are not.
"""

import errno
import os
import random
import threading

import pytest

from tests.integration.file_storage_test import (
    dom_md,
    no_steps,
    storage_on,
)
from tests.support import rundir
from tests.support.hooks.needs import needs_fuse
from tests.support.storage import filedomain
from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import choose
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.file import FileStorage

STEPS = ["compare", "create", "write", "check", "commit"]
LEFTOVER = "metadata.new.host1.123.0123456789abcdef"


@pytest.fixture
def mount():
    path = rundir.make("fence")
    yield path
    rundir.remove(path)


@pytest.fixture
def sd_id(mount):
    return filedomain.make(mount)


def lines_of(sd_id, reason):
    values = filedomain.metadata(sd_id, BACKUP="True", BACKUP_REASON=reason)
    return md_lines.flush(values)


def put(mount, sd_id, lines):
    """As metadata; None: there is none."""
    if lines is not None:
        filedomain.put(mount, sd_id, lines)
    elif os.path.exists(filedomain.path(mount, sd_id)):
        os.unlink(filedomain.path(mount, sd_id))


def at(wanted, action):
    def step(name):
        if name == wanted:
            action()

    return step


def temporaries(mount, sd_id):
    names = os.listdir(dom_md(mount, sd_id))
    return [name for name in names if name.startswith("metadata.new")]


def leave(mount, sd_id, name=LEFTOVER, text="half a lin"):
    path = os.path.join(dom_md(mount, sd_id), name)
    with open(path, "w") as f:
        f.write(text)
    return path


# Stopped at a step, while another host makes a whole change


@pytest.mark.parametrize("changes", [1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_stopped_while_another_host_changes_it(
    mount, backend, sd_id, step, changes
):
    storage = storage_on(mount, backend, sd_id)
    other = storage_on(mount, backend, sd_id)
    old, ours = storage.read(), lines_of(sd_id, "ours")
    theirs = [lines_of(sd_id, f"theirs {n}") for n in range(changes)]

    def other_changes():
        for before, after in zip([old, *theirs], theirs):
            other.write(before, after, no_steps)

    with pytest.raises((errors.WriteFailed, errors.MetadataChanged)):
        storage.write(old, ours, at(step, other_changes))
    assert storage.read() == theirs[-1]
    assert temporaries(mount, sd_id) == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("left", ["nothing", "broken"])
def test_stopped_while_another_host_restores_it(
    mount, backend, sd_id, step, left
):
    storage = storage_on(mount, backend, sd_id)
    other = storage_on(mount, backend, sd_id)
    old, ours, theirs = None, lines_of(sd_id, "a"), lines_of(sd_id, "b")
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
    old, ours = storage.read(), lines_of(sd_id, "ours")
    theirs = lines_of(sd_id, "theirs")
    change = at("confirm", lambda: other.write(ours, theirs, no_steps))
    with pytest.raises(errors.OutcomeUnknown) as e:
        storage.write(old, ours, change)
    assert "somebody else has changed it since" in str(e.value)
    assert storage.read() == theirs


def test_second_write_under_the_same_lease(mount, backend, sd_id):
    storage = storage_on(mount, backend, sd_id)
    stale = storage_on(mount, backend, sd_id)
    old, ours = storage.read(), lines_of(sd_id, "ours")

    def undo():
        storage.write(old, ours, no_steps)
        storage.write(ours, old, no_steps)

    with pytest.raises(errors.WriteFailed):
        stale.write(old, lines_of(sd_id, "stale"), at("commit", undo))
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


@pytest.mark.parametrize("thawed_at", [*STEPS, "confirm"])
@pytest.mark.parametrize("stopped_at", STEPS)
def test_thawed_in_the_middle_of_another_change(
    mount, backend, sd_id, stopped_at, thawed_at
):
    storage = storage_on(mount, backend, sd_id)
    other = storage_on(mount, backend, sd_id)
    old, ours = storage.read(), lines_of(sd_id, "ours")
    theirs = lines_of(sd_id, "theirs")
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

    def __init__(self, seed):
        self._choose = random.Random(seed)
        self._waiting = {}
        self._changed = threading.Condition()
        self._running = 2

    def wait(self):
        me = threading.get_ident()
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
    def __init__(self, mount, sd_id, io, turns, old, new):
        super().__init__()
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


@pytest.mark.parametrize("left", ["whole", "broken", "nothing"])
def test_two_writers_in_any_order(mount, sd_id, left):
    """As if there were no lease at all."""
    ios = [choose.open("embedded", mount, 60) for _ in range(2)]
    whole = storage_on(mount, "embedded", sd_id).read()
    old = {"whole": whole, "broken": whole[:-1], "nothing": None}[left]
    made = []
    for seed in range(300):
        put(mount, sd_id, old)
        turns = Turns(seed)
        writers = [
            Writer(mount, sd_id, io, turns, old, lines_of(sd_id, f"{n}"))
            for n, io in enumerate(ios)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        well = [writer.new for writer in writers if not writer.error]
        assert len(well) < 2, seed
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
        assert found in (well or [old, *unknown]), seed
    # It is a race, and mostly somebody wins it.
    print(f"{sum(made)} of {len(made)} were won")
    assert sum(made) > len(made) / 2


# The files of other writers


def test_what_only_looks_like_one_is_left_alone(mount, backend, sd_id):
    names = ["metadata.new", f"{LEFTOVER}.bak", f"my.{LEFTOVER}"]
    for name in names:
        leave(mount, sd_id, name)
    storage = storage_on(mount, backend, sd_id)
    storage.write(storage.read(), lines_of(sd_id, "x"), no_steps)
    assert set(names) <= set(os.listdir(dom_md(mount, sd_id)))


def assert_refused(mount, sd_id, storage, error=errors.WriteFailed):
    before, steps = storage.read(), []
    with pytest.raises(error) as e:
        storage.write(before, lines_of(sd_id, "x"), steps.append)
    assert "clean" in str(e.value)
    assert steps == ["compare"]
    data = filedomain.get_bytes(mount, sd_id)
    assert encoding.decode_file(data, sd_id) == before
    return str(e.value)


def test_one_that_cannot_be_removed(mount, backend, sd_id):
    os.mkdir(os.path.join(dom_md(mount, sd_id), LEFTOVER))
    storage = storage_on(mount, backend, sd_id)
    text = assert_refused(mount, sd_id, storage)
    assert f"{LEFTOVER}: Is a directory" in text
    # And none of our own is left.
    assert temporaries(mount, sd_id) == [LEFTOVER]


@needs_fuse
@pytest.mark.parametrize(
    "code",
    [errno.EIO, errno.EPERM, errno.EACCES, errno.EROFS, errno.ESTALE],
    ids=errno.errorcode.get,
)
def test_one_whose_removal_fails(hang, backend, code):
    sd_id = filedomain.make(hang.mount)
    leave(hang.root, sd_id)
    storage = storage_on(hang.mount, backend, sd_id)
    hang.fail("unlink", code, LEFTOVER)
    text = assert_refused(hang.root, sd_id, storage)
    assert f"{LEFTOVER}: {os.strerror(code)}" in text
    assert temporaries(hang.root, sd_id) == [LEFTOVER]


@needs_fuse
def test_one_whose_removal_hangs(hang, backend):
    sd_id = filedomain.make(hang.mount)
    leave(hang.root, sd_id)
    storage = storage_on(hang.mount, backend, sd_id, timeout=1)
    hang.hang("unlink", LEFTOVER)
    assert_refused(hang.root, sd_id, storage, errors.StorageTimeout)


def test_one_that_is_gone_meanwhile(mount, backend, sd_id, mocker):
    path = leave(mount, sd_id)
    storage = storage_on(mount, backend, sd_id)
    unlink = fileio.FileIO.unlink

    def late(self, name):
        os.unlink(path)
        unlink(self, name)

    mocker.patch.object(fileio.FileIO, "unlink", late)
    storage.write(storage.read(), lines_of(sd_id, "x"), no_steps)
    assert storage.read() == lines_of(sd_id, "x")


def test_one_that_only_seems_to_be_gone(mount, backend, sd_id, mocker):
    """Gluster says ENOENT of a file that it lists."""
    leave(mount, sd_id)
    storage = storage_on(mount, backend, sd_id)
    unlink = fileio.FileIO.unlink

    def fails(self, path):
        if path.endswith(LEFTOVER):
            raise FileNotFoundError(errno.ENOENT, "No such file", path)
        unlink(self, path)

    mocker.patch.object(fileio.FileIO, "unlink", fails)
    text = assert_refused(mount, sd_id, storage)
    assert f"{LEFTOVER}: it does not go away" in text


def test_a_name_that_would_do_something_to_a_terminal(mount, sd_id):
    name = "metadata.new.\x1b[2J.1.0123456789abcdef"
    os.mkdir(os.path.join(dom_md(mount, sd_id), name))
    text = assert_refused(mount, sd_id, storage_on(mount, "embedded", sd_id))
    assert "\x1b" not in text


@needs_fuse
def test_a_listing_that_broke_off(hang, backend):
    """ioprocess gives it as if it were whole."""
    sd_id = filedomain.make(hang.mount)
    leave(hang.root, sd_id)
    storage = storage_on(hang.mount, backend, sd_id, timeout=1)
    before = storage.read()
    fail = at("check", lambda: hang.fail("readdir", errno.EIO))
    with pytest.raises(errors.WriteFailed) as e:
        storage.write(before, lines_of(sd_id, "x"), fail)
    assert "clean" in str(e.value)
    hang.clear()
    assert storage.read() == before


# Where the metadata is not whole


@pytest.mark.parametrize("old", [None, ["SDUUID=damaged"]])
@pytest.mark.parametrize("step", STEPS)
def test_the_last_copy_is_not_removed(mount, backend, sd_id, step, old):
    """It may be all that a rename on NFS left, which is two steps there."""

    class Stop(Exception):
        pass

    def stop():
        raise Stop

    put(mount, sd_id, old)
    path = leave(mount, sd_id, text="all that is left")
    storage = storage_on(mount, backend, sd_id)
    with pytest.raises(Stop):
        storage.write(old, lines_of(sd_id, "x"), at(step, stop))
    with open(path) as f:
        assert f.read() == "all that is left"
    storage.write(old, lines_of(sd_id, "x"), no_steps)
    assert storage.read() == lines_of(sd_id, "x")
    assert temporaries(mount, sd_id) == []


@needs_fuse
def test_nor_when_the_rename_fails(hang, backend):
    sd_id = filedomain.make(hang.mount)
    os.unlink(filedomain.path(hang.root, sd_id))
    leave(hang.root, sd_id, text="all that is left")
    storage = storage_on(hang.mount, backend, sd_id)
    # Ours, not the one that takes the other file out of the way.
    rename = fileio.FileIO.rename

    def fails(self, old, new):
        if new.endswith("/metadata"):
            hang.fail("rename", errno.EIO)
        rename(self, old, new)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fileio.FileIO, "rename", fails)
        with pytest.raises(errors.WriteFailed):
            storage.write(None, lines_of(sd_id, "x"), no_steps)
    texts = []
    for name in temporaries(hang.root, sd_id):
        with open(os.path.join(dom_md(hang.root, sd_id), name)) as f:
            texts.append(f.read())
    assert "all that is left" in texts

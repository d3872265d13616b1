# SPDX-License-Identifier: GPL-2.0-or-later
"""
VDSM writes a file domain without a lease while we change its flag, at every
call of ours. The domain stays whole, and has our flag and VDSM's keys.

tests/vdsm/overlap_test.py has the real VDSM in place of the one here.
"""

import errno
import os
import shutil
import time

import pytest

from tests.support import soak
from tests.support.hooks.needs import needs_fuse
from tests.support.storage import filedomain
from tests.support.storage.filewriting import (
    at,
    flagged_lines,
    leave,
    no_steps,
    storage_on,
    temporaries,
)
from tests.support.storage.overlapping import (
    KINDS,
    Calls,
    FileVdsm,
    Held,
    Points,
    assert_merged,
    with_flag,
    write_merging,
)
from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import choose
from vdsm_backup.storage.file import FileStorage

POOL = "11111111-2222-3333-4444-555555555555"


class Overlap:
    """One change of a new domain, and the calls that it makes."""

    def __init__(self, mount, io, changes):
        self.sd_id = filedomain.make(
            mount, POOL_UUID=POOL, ROLE="Master", PV1="pv:x"
        )
        self.points = Points()
        directory = os.path.join(mount, self.sd_id)
        calls = Calls(io, self.points)
        self.storage = FileStorage(self.sd_id, directory, calls, 0)
        self.path = filedomain.path(mount, self.sd_id)
        self.vdsm = FileVdsm(self.path, changes)
        self.old = self.lines()
        self.new = with_flag(self.old, "ours")

    def lines(self):
        return FileVdsm(self.path, {})._readlines()

    def write(self):
        return write_merging(self.storage, self.old, self.new)

    def at(self, number, action):
        """Plans an action; returns where the name of the call will be."""
        before = []
        self.points.plan(number, action)
        self.points.plan(
            number, lambda: before.append(self.points.names[number - 1])
        )
        return before

    def clock(self, *numbers):
        """The times before calls, when all is over."""
        times = []
        for number in numbers:
            self.points.plan(number, lambda: times.append(time.monotonic()))
        return times


@pytest.fixture(scope="module")
def plain_calls(tmp_path_factory):
    """The calls of a change beside which nobody writes."""
    mount = str(tmp_path_factory.mktemp("mount"))
    with choose.open("embedded", mount, 60) as io:
        overlap = Overlap(mount, io, {})
        assert overlap.write() == overlap.new
        return overlap.points.names


def test_last_read_is_right_before_the_rename(plain_calls):
    """Only the links come between."""
    rename = plain_calls.index("rename")
    assert plain_calls[rename - 3 : rename] == ["readfile", "link", "link"]


@pytest.mark.parametrize("begun, ended", [(0, 1), (0, 2), (1, 1)])
def test_vdsm_while_metadata_that_is_not_whole_is_replaced(
    mount, begun, ended
):
    """
    begun, ended: how many of our last three calls VDSM's own come after.

    By reseal or restore. VDSM takes metadata without a checksum as it is. Both
    cannot be merged, and the loss is told.
    """
    with choose.open("embedded", mount, 60) as io:
        overlap = Overlap(mount, io, KINDS["detach"])
        storage, vdsm = overlap.storage, overlap.vdsm
        vdsm.refresh()
        old, new = overlap.old[:-1], overlap.old
        filedomain.put(mount, overlap.sd_id, old)
        storage.write(old, new, no_steps)
        calls = overlap.points.names
        last = [i for i, name in enumerate(calls) if name == "rename"][-1]
        assert calls[last - 3 : last] == ["readfile", "link", "link"]
        filedomain.put(mount, overlap.sd_id, old)
        first_link = len(calls) + last - 1
        overlap.at(first_link + begun, vdsm.begin)
        overlap.at(first_link + ended, vdsm.end)
        with pytest.raises(errors.OutcomeUnknown) as e:
            storage.write(old, new, no_steps)
        assert e.value.__cause__.found == new
        assert e.value.__cause__.replaced == vdsm.written
        assert temporaries(mount, overlap.sd_id) == []


def fail(error):
    raise error


@pytest.mark.parametrize("call", ["listdir", "readfile"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "x"), fileio.Timeout()])
def test_last_look_at_metadata_that_is_not_whole_fails(mount, call, error):
    """Nothing was written then, and that is said."""
    with choose.open("embedded", mount, 60) as io:
        overlap = Overlap(mount, io, {})
        storage, points = overlap.storage, overlap.points
        old, new = overlap.old[:-1], overlap.old
        filedomain.put(mount, overlap.sd_id, old)
        before = len(points.names)

        def at_commit():
            names = points.names
            calls = ["listdir", "listdir", "lstat", "readfile"]
            points.plan(
                len(names) + 1 + calls.index(call), lambda: fail(error)
            )

        with pytest.raises(errors.WriteFailed) as e:
            storage.write(old, new, at("commit", at_commit))
        assert points.names[before:].count("rename") == 0
        assert e.value.step not in ("commit", "confirm")
        assert storage.read() == old


def test_what_comes_before_the_last_look_is_never_replaced(
    mount, sd_id, backend
):
    """Also when we were told to go on long after all had been compared."""
    storage = storage_on(mount, backend, sd_id)
    old = storage.read()
    vdsm = FileVdsm(filedomain.path(mount, sd_id), {"KEY": "x"})
    vdsm.refresh()
    vdsm.begin()
    with pytest.raises(errors.MetadataChanged):
        storage.write(old, with_flag(old, "x"), at("commit", vdsm.end))
    assert storage.read() == vdsm.written
    assert temporaries(mount, sd_id) == []


def is_lost(plain_calls, begun, ended):
    """
    Whether VDSM makes its file after our first link, and renames it before
    our rename. The numbers of the calls before which it does so.
    """
    link = plain_calls.index("link") + 1
    rename = plain_calls.index("rename") + 1
    return begun > link and ended == rename


@pytest.mark.soak
@pytest.mark.slow("it repeats")
@pytest.mark.parametrize("kind", KINDS)
def test_vdsm_at_any_call(mount, backend, plain_calls, kind):
    changes = KINDS[kind]
    choices = soak.choices("overlap", kind, backend)
    lost, ended = 0, []
    with choose.open(backend, mount, 60) as io:
        for _ in range(soak.times(40, 200)):
            overlap = Overlap(mount, io, changes)
            vdsm = overlap.vdsm
            # It may have read the domain long before.
            vdsm.refresh()
            numbers = sorted(
                choices.choices(range(1, len(plain_calls) + 1), k=3)
            )
            if choices.random() < 0.5:
                overlap.at(numbers[0], vdsm.refresh)
            overlap.at(numbers[1], vdsm.begin)
            before = overlap.at(numbers[2], vdsm.end)
            written = overlap.write()
            ended += before
            found = overlap.lines()
            assert temporaries(mount, overlap.sd_id) == []
            if is_lost(plain_calls, *numbers[1:]):
                # VDSM's keys, and nothing else.
                lost += 1
                assert found == written == overlap.new
            else:
                assert found == written
                assert_merged(overlap.sd_id, found, overlap.new, changes)
            shutil.rmtree(os.path.join(mount, overlap.sd_id))
    print(f"{len(ended)} overlaps, {lost} lost")
    assert len(ended) == soak.times(40, 200)
    assert len(set(ended)) > 5


@pytest.mark.parametrize("kind", KINDS)
def test_vdsm_at_each_call(mount, plain_calls, kind):
    """A whole write of VDSM's, which began before ours."""
    with choose.open("embedded", mount, 60) as io:
        # VDSM's file is there, and there are some more calls then.
        for number in range(1, len(plain_calls) + 4):
            overlap = Overlap(mount, io, KINDS[kind])
            overlap.vdsm.refresh()
            overlap.vdsm.begin()
            overlap.at(number, overlap.vdsm.end)
            written = overlap.write()
            assert overlap.lines() == written
            assert_merged(overlap.sd_id, written, overlap.new, KINDS[kind])


@pytest.mark.soak
def test_length_of_the_window(mount, backend, plain_calls):
    """From before the first link to after the rename."""
    link, lengths = plain_calls.index("link") + 1, []
    with choose.open(backend, mount, 60) as io:
        for _ in range(soak.times(10, 200)):
            overlap = Overlap(mount, io, {})
            times = overlap.clock(link, link + 3)
            overlap.write()
            lengths.append(times[1] - times[0])
    lengths.sort()
    median, longest = lengths[len(lengths) // 2], lengths[-1]
    print(f"median {median * 1e3:.2f} ms, longest {longest * 1e3:.2f} ms")


def test_vdsm_writes_again_and_again(mount):
    """After each of our renames."""
    with choose.open("embedded", mount, 60) as io:
        overlap = Overlap(mount, io, {})
        vdsm = overlap.vdsm
        vdsm.refresh()
        rename = io.rename

        def rename_and_write(old, new):
            rename(old, new)
            if len(vdsm._changes) < 3:
                vdsm._changes[f"KEY{len(vdsm._changes)}"] = "x"
                vdsm.begin()
                vdsm.end()

        io.rename = rename_and_write
        written = overlap.write()
    assert overlap.lines() == written
    assert len(vdsm._changes) == 3
    assert_merged(overlap.sd_id, written, overlap.new, vdsm._changes)


def test_vdsm_that_never_stops_writing(mount):
    """What is there then is VDSM's, whole, and we do not say it is ours."""
    with choose.open("embedded", mount, 60) as io:
        overlap = Overlap(mount, io, {})
        vdsm = overlap.vdsm
        vdsm.refresh()
        rename = io.rename

        def rename_and_write(old, new):
            rename(old, new)
            vdsm._changes[f"KEY{len(vdsm._changes)}"] = "x"
            vdsm.begin()
            vdsm.end()

        io.rename = rename_and_write
        with pytest.raises(errors.OutcomeUnknown):
            overlap.write()
    assert overlap.lines() == vdsm.written
    assert temporaries(mount, overlap.sd_id) == []


class LostLease(Held):
    """It is lost when we look at it."""

    def check(self):
        raise errors.LeaseLost("the domain")


class UncertainLease(Held):
    """We have had it for so long that another host may have it now."""

    certain = False


@pytest.mark.parametrize("held", [LostLease(), UncertainLease()])
def test_without_the_lease_nothing_is_merged(mount, sd_id, backend, held):
    storage = storage_on(mount, backend, sd_id)
    old = storage.read()
    vdsm = FileVdsm(filedomain.path(mount, sd_id), {"KEY": "x"})
    vdsm.refresh()
    vdsm.begin()

    def end(name):
        if name == "confirm":
            vdsm.end()

    write = storage.write
    storage.write = lambda old, new, step: write(old, new, end)
    with pytest.raises(errors.OutcomeUnknown):
        write_merging(storage, old, with_flag(old, "ours"), held)
    assert storage.read() == vdsm.written


def test_another_flag_is_not_merged(mount, sd_id, backend):
    """Of another host, which has the lease now, though nobody told us."""
    storage = storage_on(mount, backend, sd_id)
    other = storage_on(mount, backend, sd_id)
    old, theirs = storage.read(), flagged_lines(sd_id, "theirs")
    write = storage.write

    def change(name):
        if name == "confirm":
            other.write(with_flag(old, "ours"), theirs, no_steps)

    storage.write = lambda old, new, step: write(old, new, change)
    with pytest.raises(errors.OutcomeUnknown):
        write_merging(storage, old, with_flag(old, "ours"))
    assert storage.read() == theirs


def test_formatted_meanwhile(mount, plain_calls):
    """VDSM removes all of it; nothing of it comes back."""
    with choose.open("embedded", mount, 60) as io:
        for number in range(1, len(plain_calls) + 1):
            overlap = Overlap(mount, io, {})
            directory = os.path.join(mount, overlap.sd_id)
            overlap.at(number, lambda d=directory: shutil.rmtree(d))
            try:
                overlap.write()
            except errors.Error:
                pass
            assert not os.path.exists(directory)


# File systems without hard links


@needs_fuse
def test_without_links(hang, backend):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id)
    hang.fail("link", 1)  # EPERM
    old, new = storage.read(), flagged_lines(sd_id, "x")
    storage.write(old, new, no_steps)
    assert storage.read() == new
    assert temporaries(hang.root, sd_id) == []


@pytest.mark.parametrize("number", [0, 1])
def test_vdsms_file_of_long_ago(mount, sd_id, backend, number):
    """Left by a VDSM that was killed, or it is at work and not so far."""
    path = leave(mount, sd_id, "metadata.new", "VERSION=5" * number)
    storage = storage_on(mount, backend, sd_id)
    new = flagged_lines(sd_id, "x")
    storage.write(storage.read(), new, no_steps)
    assert storage.read() == new
    assert temporaries(mount, sd_id) == ["metadata.new"]
    assert os.stat(path).st_nlink == 1


@needs_fuse
def test_link_that_hangs_is_no_change(hang, backend):
    sd_id = filedomain.make(hang.mount)
    storage = storage_on(hang.mount, backend, sd_id, timeout=1)
    old = storage.read()
    hang.hang("link")
    with pytest.raises(errors.WriteFailed, match="link failed"):
        storage.write(old, flagged_lines(sd_id, "x"), no_steps)
    hang.clear()
    assert storage_on(hang.root, backend, sd_id).read() == old

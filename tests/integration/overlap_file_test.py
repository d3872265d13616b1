# SPDX-License-Identifier: GPL-2.0-or-later
"""
VDSM writes a file domain without a lease while we change its flag, at every
call of ours. The domain stays whole, and has our flag and VDSM's keys.

tests/vdsm/overlap_test.py has the real VDSM in place of the one here.
"""

import math
import os
import shutil

import pytest

from tests.support import soak
from tests.support.storage.fileoverlap import Overlap
from tests.support.storage.filewriting import temporaries
from tests.support.storage.overlapping import KINDS, assert_merged
from vdsm_backup import errors
from vdsm_backup.fileio import choose


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


def write_after_renames(vdsm, io, most):
    """VDSM writes one key more after each rename, until it has so many."""
    rename = io.rename

    def rename_and_write(old, new):
        rename(old, new)
        if len(vdsm.changes) < most:
            vdsm.changes[f"KEY{len(vdsm.changes)}"] = "x"
            vdsm.begin()
            vdsm.end()

    io.rename = rename_and_write


def test_vdsm_writes_again_and_again(mount):
    """After each of our renames."""
    with choose.open("embedded", mount, 60) as io:
        overlap = Overlap(mount, io, {})
        vdsm = overlap.vdsm
        vdsm.refresh()
        write_after_renames(vdsm, io, 3)
        written = overlap.write()
    assert overlap.lines() == written
    assert len(vdsm.changes) == 3
    assert_merged(overlap.sd_id, written, overlap.new, vdsm.changes)


def test_vdsm_that_never_stops_writing(mount):
    """What is there then is VDSM's, whole, and we do not say it is ours."""
    with choose.open("embedded", mount, 60) as io:
        overlap = Overlap(mount, io, {})
        vdsm = overlap.vdsm
        vdsm.refresh()
        write_after_renames(vdsm, io, math.inf)
        with pytest.raises(errors.OutcomeUnknown):
            overlap.write()
    assert overlap.lines() == vdsm.written
    assert temporaries(mount, overlap.sd_id) == []


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

# SPDX-License-Identifier: GPL-2.0-or-later
"""
VDSM changes the tags of a block domain without a lease while we change its
flag, at every step of ours, with the real lvm. The domain stays whole, and has
our flag and VDSM's keys.

tests/vdsm/overlap_test.py has the real VDSM in place of the one here.
"""

import contextlib
import itertools
import json

import pytest

from tests.support import soak
from tests.support.lease.socketlease import SocketLease
from tests.support.storage import loop
from tests.support.storage.blocktools import needs_block, storage
from tests.support.storage.overlapping import (
    KINDS,
    Calls,
    Points,
    TagVdsm,
    assert_merged,
    with_flag,
    write_merging,
)
from vdsm_backup import errors
from vdsm_backup.change import write
from vdsm_backup.lvm.scan import vg_of
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.block import BlockStorage

pytest_plugins = ["tests.support.storage.blockfixtures"]
pytestmark = [
    pytest.mark.slow("lvm is started again and again"),
    needs_block,
]

POOL = "11111111-2222-3333-4444-555555555555"

# The steps of a change beside which nobody writes, and before which VDSM comes
# in: our comparison, our vgchange, and our reading back.
STEPS = ["find_to_change", "change_tags", "find_to_change"]
NAMES = {"find_to_change", "find_to_read", "change_tags"}


class Overlap:
    """A change of the domain, and its calls of lvm."""

    def __init__(self, domain, changes):
        self.domain = domain
        more = {"POOL_UUID": POOL, "ROLE": "Master", "PV1": "pv:x"}
        self.old = sorted(md_lines.flush({**domain.values, **more}))
        domain.put(self.old)
        self.new = sorted(with_flag(self.old, "ours"))
        self.points = Points()
        lvm = Calls(Lvm(domain.devices), self.points, NAMES)
        self.storage = BlockStorage(domain.sd_id, lvm, domain.lv_dir)
        self.vdsm = TagVdsm(domain, changes)

    def give(self):
        """A storage as the writer has it, after the tool has read the VG."""
        tool = storage(self.domain)
        tool.read_to_change()
        given = vg_of(json.loads(json.dumps(tool.describe()["vg"])))
        ours = self.storage
        self.storage = BlockStorage(
            *(ours.sd_id, ours._lvm, self.domain.lv_dir), given=given
        )

    def write(self):
        return write_merging(self.storage, self.old, self.new)

    def seals(self):
        lines = self.domain.lines()
        return [x for x in lines if x.startswith(md_lines.SEAL)]


def test_steps(block_domain):
    overlap = Overlap(block_domain, {})
    assert overlap.write() == overlap.new == block_domain.lines()
    assert overlap.points.names == STEPS


def test_steps_of_a_writer_that_is_given_the_vg(block_domain):
    """The tool has read it under the lease."""
    overlap = Overlap(block_domain, {})
    overlap.give()
    assert overlap.write() == overlap.new == block_domain.lines()
    assert overlap.points.names == STEPS[1:]


def test_a_vg_that_is_given_too_late(block_domain):
    """It has other lines, as before an undo: it is read again."""
    overlap = Overlap(block_domain, {})
    overlap.give()
    block_domain.put(overlap.new)
    back = with_flag(overlap.old, "back")
    overlap.storage.write(overlap.new, back, lambda step: None)
    assert overlap.points.names == STEPS
    assert block_domain.lines() == sorted(back)


def test_a_vg_without_a_checksum_is_not_taken_as_given(block_domain):
    """Nothing would tell vgchange that somebody has changed it since."""
    overlap = Overlap(block_domain, {})
    left = overlap.old[:-1]
    block_domain.put(left)
    overlap.give()
    block_domain.put([*left, "KEY=x"])
    with pytest.raises(errors.MetadataChanged):
        overlap.storage.write(left, overlap.new, lambda step: None)
    assert block_domain.lines() == sorted([*left, "KEY=x"])


def test_a_hazard_of_a_vg_that_is_given(block_domain):
    overlap = Overlap(block_domain, {})
    block_domain.lvm(["vgexport", block_domain.sd_id])
    overlap.give()
    with pytest.raises(errors.VolumeGroupUnsafe, match="exported"):
        overlap.write()
    assert overlap.points.names == []


@pytest.mark.parametrize("harm", ["vgexport", "missing"])
def test_a_hazard_that_comes_after_the_vg_was_given(block_domain, harm):
    """lvm itself refuses to change it."""
    overlap = Overlap(block_domain, {})
    overlap.give()
    if harm == "vgexport":
        block_domain.lvm(["vgexport", block_domain.sd_id])
    else:
        loop.detach(block_domain.devices[1])
    with pytest.raises((errors.WriteFailed, errors.Unreadable)):
        overlap.write()
    assert overlap.points.names[:1] == STEPS[1:2]


# When VDSM reads the domain, when it reads the tags that it will change, and
# when it changes them: before which step. 0: before all of it.
TIMES = [
    times
    for times in itertools.combinations_with_replacement(range(4), 3)
    if times[2]
]


def overlapped(domain, changes, times):
    """Our change, with VDSM's at these times."""
    overlap = Overlap(domain, changes)
    vdsm = overlap.vdsm
    for time, action in zip(times, (vdsm.refresh, vdsm.begin, vdsm.end)):
        if time:
            overlap.points.plan(time, action)
        else:
            action()
    written = overlap.write()
    found = domain.lines()
    assert found == sorted(written)
    assert_merged(domain.sd_id, found, overlap.new, changes)


@pytest.mark.parametrize("kind", KINDS)
def test_vdsm_at_each_step(shared_block_domain, kind):
    for times in TIMES:
        overlapped(shared_block_domain, KINDS[kind], times)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_vdsm_at_any_step(shared_block_domain, kind):
    choices = soak.choices("overlap", kind)
    met = {}
    for _ in range(soak.times(4, 200)):
        times = choices.choice(TIMES)
        overlapped(shared_block_domain, KINDS[kind], times)
        met[times] = met.get(times, 0) + 1
    print(f"{sum(met.values())} overlaps, {len(met)} kinds of times")


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("step", ["compare", "commit"])
def test_by_a_writer_of_its_own(block_domain, step, given):
    """The change starts again, under the same lease."""
    changes = KINDS["pool creation"]
    overlap = Overlap(block_domain, changes)
    vdsm, steps = overlap.vdsm, []
    vdsm.refresh()

    def on_step(name):
        steps.append(name)
        if name == step and not vdsm.written:
            vdsm.begin()
            vdsm.end()

    ours = storage(block_domain)
    if given:
        ours.read_to_change()
    with contextlib.closing(SocketLease()) as held:
        written = write.run(ours, overlap.old, overlap.new, held, 30, on_step)
    assert steps[-3:] == ["compare", "commit", "confirm"] and len(steps) > 3
    assert block_domain.lines() == sorted(written)
    assert_merged(block_domain.sd_id, written, overlap.new, changes)


def test_two_checksums_without_a_merge(block_domain):
    """What VDSM would refuse."""
    overlap = Overlap(block_domain, KINDS["pool creation"])
    vdsm = overlap.vdsm
    vdsm.refresh()
    vdsm.begin()
    overlap.points.plan(3, vdsm.end)
    with pytest.raises(errors.DamagedMetadata) as e:
        overlap.storage.write(overlap.old, overlap.new, lambda step: None)
    assert len(overlap.seals()) == 2
    assert e.value.__cause__.found == block_domain.lines()
    # And what is found is named to lvm, when it is replaced.
    theirs = sorted(with_flag(overlap.old, "theirs"))
    storage(block_domain).write(block_domain.lines(), theirs, lambda step: 0)
    assert block_domain.lines() == theirs


def test_two_checksums_that_change_before_they_are_replaced(block_domain):
    """vgchange replaces what was found, or nothing."""
    overlap = Overlap(block_domain, {})
    two = [*overlap.old, f"{md_lines.SEAL}={'0' * 40}"]
    block_domain.put(two)
    mended = [x for x in overlap.old if x != "ROLE=Master"]

    def mend(step):
        if step == "commit":
            block_domain.put(mended)

    with pytest.raises(errors.Error):
        overlap.storage.write(sorted(two), overlap.new, mend)
    assert block_domain.lines() == sorted(mended)


def test_tags_without_a_checksum_are_read_once_more(block_domain):
    overlap = Overlap(block_domain, {})
    left = overlap.old[:-1]
    block_domain.put(left)

    def change(step):
        if step == "commit":
            block_domain.put([*left, "KEY=x"])

    with pytest.raises(errors.MetadataChanged):
        overlap.storage.write(left, overlap.new, change)
    assert block_domain.lines() == sorted([*left, "KEY=x"])


def test_another_flag_and_two_checksums(block_domain):
    """Somebody else's change, made whole; ours gives way."""
    overlap = Overlap(block_domain, {"BACKUP": "True", "KEY": "x"})
    vdsm = overlap.vdsm
    vdsm.refresh()
    vdsm.begin()
    overlap.points.plan(3, vdsm.end)
    with pytest.raises(errors.MetadataChanged):
        # Ours has another flag: it clears.
        new = {**md_lines.parse(overlap.old).values, "BACKUP": "False"}
        write_merging(overlap.storage, overlap.old, md_lines.flush(new))
    assert block_domain.lines() == sorted(vdsm.written)
    assert len(overlap.seals()) == 1

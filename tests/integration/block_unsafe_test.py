# SPDX-License-Identifier: GPL-2.0-or-later
"""VGs that must not be changed, or not even be read, with the real lvm."""

import contextlib
import os
import shlex
import subprocess

import pytest

from tests.support.storage.blockdomain import PV_SIZE, BlockDomain
from tests.support.storage.blocktools import (
    activation,
    flagged,
    needs_block,
    no_step,
    seqno,
    storage,
)
from vdsm_backup import errors
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = ["tests.support.storage.blockfixtures"]
pytestmark = needs_block


def assert_not_written(domain, error, devices=()):
    before = domain.tags(), seqno(domain)
    steps = []
    lines = sorted(encoding.decode_tags(domain.tags(), domain.sd_id))
    ours = storage(domain, devices)
    with pytest.raises(error) as e:
        ours.write(lines, flagged(domain), steps.append)
    assert steps == ["compare"]
    with pytest.raises(error):
        with ours.lease_paths(activation(domain)):
            raise AssertionError("got a lease")
    assert (domain.tags(), seqno(domain)) == before
    return str(e.value)


def test_exported(block_domain):
    block_domain.lvm(["vgexport", block_domain.sd_id])
    assert "exported" in assert_not_written(
        block_domain, errors.VolumeGroupUnsafe
    )
    # Reading does no harm.
    assert storage(block_domain).read() == block_domain.lines()


def repaired(block_domain):
    """What the hint says is done, and then the domain can be changed."""
    with pytest.raises(errors.VolumeGroupUnsafe) as e:
        storage(block_domain).write(None, flagged(block_domain), no_step)
    (hint,) = e.value.hint_lines()
    command = hint.partition(": ")[2]
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    before = sorted(md_lines.flush(block_domain.values))
    storage(block_domain).write(before, flagged(block_domain), no_step)
    return block_domain.lines() == flagged(block_domain)


def test_exported_vg_is_imported_by_the_hint(block_domain):
    block_domain.lvm(["vgexport", block_domain.sd_id])
    assert repaired(block_domain)


def test_foreign_vg_is_ours_by_the_hint(block_domain):
    block_domain.lvm(
        ["vgchange", "--yes", "--systemid", "other", block_domain.sd_id]
    )
    assert repaired(block_domain)


def test_not_a_domain(block_domain):
    block_domain.change_tags(delete=["RHAT_storage_domain"])
    text = assert_not_written(block_domain, errors.VolumeGroupUnsafe)
    assert "RHAT_storage_domain" in text
    assert Lvm(block_domain.devices).scan().domains == []
    with pytest.raises(errors.VolumeGroupUnsafe):
        storage(block_domain).read()


def test_missing_pv(block_domain):
    devices = block_domain.devices[:1]
    text = assert_not_written(block_domain, errors.VolumeGroupUnsafe, devices)
    assert "misses PVs" in text
    assert storage(block_domain, devices).read() == block_domain.lines()


def test_missing_metadata_pv(block_domain):
    """It may be the domain that is asked for."""
    with pytest.raises(errors.LvmFailed, match="no VG was found"):
        storage(block_domain, block_domain.devices[1:]).read()


# Start of the first metadata area, and of the text after its header: pvck(8).
MDA_START = 4096
MDA_HEADER = 512


def destroy(domain, offset, length):
    with open(domain.devices[0], "r+b") as f:
        f.seek(offset)
        f.write(b"\xff" * length)
        os.fsync(f.fileno())


def test_one_metadata_area_destroyed(block_domain):
    """lvm reads the other one, and says so in the middle of its report."""
    lines = block_domain.lines()
    destroy(block_domain, MDA_START + MDA_HEADER, 64 * 1024)
    ours = storage(block_domain)
    assert ours.read() == lines
    assert ours.origin().startswith("pv:")


def test_metadata_destroyed_is_not_a_domain_that_is_gone(
    block_domain, shared_block_domain
):
    # All before the data: the label has its own sectors before it.
    destroy(block_domain, MDA_START, 1024**2)
    with open(block_domain.files[0], "rb") as f:
        f.seek(SECOND_MDA_SEARCH)
        found = f.read().find(b" LVM2 x[5A%r0N*>")
    destroy(block_domain, SECOND_MDA_SEARCH + found - 4, 1024**2)
    devices = block_domain.devices + shared_block_domain.devices
    with pytest.raises(errors.LvmFailed, match="no VG was found"):
        storage(block_domain, devices).read()
    scan = Lvm(devices).scan()
    assert [vg.name for vg in scan.vgs] == [shared_block_domain.sd_id]
    assert sorted(scan.unread) == sorted(block_domain.devices)


# The second metadata area is at the end of the PV.
SECOND_MDA_SEARCH = PV_SIZE - 256 * 1024**2


def test_foreign(block_domain):
    block_domain.lvm(
        ["vgchange", "--yes", "--systemid", "other", block_domain.sd_id]
    )
    ours = storage(block_domain)
    with pytest.raises(errors.VolumeGroupUnsafe, match="foreign"):
        ours.write(None, flagged(block_domain), no_step)
    assert ours.read() == sorted(md_lines.flush(block_domain.values))


@pytest.mark.parametrize("index", [0, 1])
def test_replica_beside_its_origin(block_domain, index):
    copy = block_domain.copy_device(index)
    devices = [*block_domain.devices, copy]
    text = assert_not_written(block_domain, errors.VolumeGroupUnsafe, devices)
    # Both are named: nobody else tells which of them lvm took.
    assert block_domain.devices[index] in text and copy in text
    with pytest.raises(errors.VolumeGroupUnsafe):
        storage(block_domain, devices).read()
    (vg,) = Lvm(devices).scan().domains
    assert copy in vg.found_at


def test_replica_alone_is_a_domain(block_domain):
    copies = [block_domain.copy_device(0), block_domain.copy_device(1)]
    assert storage(block_domain, copies).read() == block_domain.lines()


def test_two_vgs_of_one_name(block_domain, block_dir):
    with contextlib.closing(BlockDomain(block_dir)) as other:
        other.lvm(["vgrename", other.sd_id, block_domain.sd_id])
        devices = block_domain.devices + other.devices
        text = assert_not_written(
            block_domain, errors.AmbiguousDomain, devices
        )
        for device in devices:
            assert device in text
        with pytest.raises(errors.AmbiguousDomain):
            storage(block_domain, devices).read()
        assert len(Lvm(devices).scan().domains) == 2

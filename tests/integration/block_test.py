# SPDX-License-Identifier: GPL-2.0-or-later
"""Block domains on loop devices, with the real lvm."""

import contextlib
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.storage.blockdomain import BlockDomain
from tests.support.storage.blocktools import (
    flagged,
    needs_block,
    no_step,
    seqno,
    storage,
)
from vdsm_backup import errors
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import encoding, origin
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = ["tests.support.storage.blockfixtures"]
pytestmark = needs_block

# Names of LUNs that no array gives.
WWID = f"3600140500{os.getpid():022x}"
OTHER_WWID = f"3600140501{os.getpid():022x}"


# Reading


@pytest.mark.parametrize("version", [3, 4, 5])
def test_domain_as_vdsm_makes_it(block_dir, version):
    with contextlib.closing(BlockDomain(block_dir, version)) as domain:
        lines = storage(domain).read()
        assert lines == sorted(md_lines.flush(domain.values))
        assert md_lines.require(lines, domain.sd_id).seal == "valid"
        names = [lv["lv_name"] for lv in domain.report("lvs", "lv_name")]
        assert ("xleases" in names) == (version > 3)


def test_only_the_given_devices_are_seen(shared_block_domain, block_domain):
    runner = Lvm(block_domain.devices)
    assert [vg.name for vg in runner.scan().vgs] == [block_domain.sd_id]
    both = runner.only(block_domain.devices + shared_block_domain.devices)
    assert len(both.scan().vgs) == 2
    with pytest.raises(errors.DomainNotFound):
        runner.find_to_read(shared_block_domain.sd_id)


def test_devices_with_other_names(block_dir):
    with contextlib.closing(BlockDomain(block_dir, wwids=[WWID])) as domain:
        assert storage(domain).read() == domain.lines()
        vg = Lvm(domain.devices).find_to_read(domain.sd_id)
        assert vg.devices == [f"/dev/mapper/{WWID}"]


def test_unknown_domain(shared_block_domain):
    with pytest.raises(errors.DomainNotFound):
        Lvm(shared_block_domain.devices).find_to_read(
            "00000000-0000-4000-8000-000000000000"
        )


def test_tag_that_cannot_be_decoded(block_domain):
    block_domain.change_tags(add=["MDT_DESCRIPTION=&1114112&"])
    with pytest.raises(errors.DamagedMetadata):
        storage(block_domain).read()


def test_no_lv_is_open(shared_block_domain):
    assert storage(shared_block_domain).open_lvs() == []


# Writing


def test_write_is_one_commit(block_domain):
    steps = []
    before = seqno(block_domain)
    ours = storage(block_domain)
    ours.write(ours.read(), flagged(block_domain), steps.append)
    assert block_domain.lines() == flagged(block_domain)
    assert seqno(block_domain) == before + 1
    assert steps == ["compare", "commit", "confirm"]


def test_other_tags_are_left_alone(block_domain):
    block_domain.change_tags(add=["nightly", "mdt_A=1"])
    ours = storage(block_domain)
    ours.write(ours.read(), flagged(block_domain), no_step)
    assert block_domain.lines() == flagged(block_domain)
    kept = [tag for tag in block_domain.tags() if not tag.startswith("MDT_")]
    assert kept == ["RHAT_storage_domain", "mdt_A=1", "nightly"]


def test_nothing_to_change_is_no_commit(block_domain):
    steps = []
    before = seqno(block_domain)
    ours = storage(block_domain)
    ours.write(ours.read(), ours.read(), steps.append)
    assert seqno(block_domain) == before
    assert steps == ["compare"]


def test_changed_meanwhile(block_domain):
    ours = storage(block_domain)
    old = ours.read()
    block_domain.change_tags(add=["MDT_NEW=1"])
    before = block_domain.tags()
    with pytest.raises(errors.MetadataChanged):
        ours.write(old, flagged(block_domain), no_step)
    assert block_domain.tags() == before


def test_tag_of_another_encoding_goes_by_its_own_name(block_domain):
    block_domain.change_tags(
        delete=["MDT_TYPE=ISCSI"], add=["MDT_TYPE=&73&SCSI", "MDT_ODD=a&b"]
    )
    ours = storage(block_domain)
    ours.write(ours.read(), flagged(block_domain), no_step)
    assert block_domain.lines() == flagged(block_domain)


def test_restore_of_damaged_tags(block_domain):
    """Without old lines, tags that cannot be decoded are replaced."""
    block_domain.change_tags(
        add=["MDT_DESCRIPTION=&1114112&", "MDT_BACKUP=maybe"]
    )
    storage(block_domain).write(None, flagged(block_domain), no_step)
    assert block_domain.lines() == flagged(block_domain)


def test_restore_of_damaged_tags_that_somebody_mended(block_domain):
    """The user was shown, and allowed, something else."""
    before = block_domain.tags()
    with pytest.raises(errors.MetadataChanged):
        storage(block_domain).write(None, flagged(block_domain), no_step)
    assert block_domain.tags() == before


def test_longest_tag(block_domain):
    room = encoding.MAX_TAG - len("MDT_BACKUP_REASON=")
    lines = flagged(block_domain, BACKUP_REASON="x" * room)
    storage(block_domain).write(block_domain.lines(), lines, no_step)
    assert block_domain.lines() == lines


def test_tag_too_long(block_domain):
    room = encoding.MAX_TAG - len("MDT_BACKUP_REASON=")
    before = seqno(block_domain)
    lines = flagged(block_domain, BACKUP_REASON="x" * (room + 1))
    with pytest.raises(errors.InvalidTag) as e:
        storage(block_domain).write(block_domain.lines(), lines, no_step)
    assert (e.value.key, e.value.length) == ("BACKUP_REASON", 1025)
    assert seqno(block_domain) == before


def test_long_tag_of_others_stays(block_domain):
    block_domain.change_tags(add=[f"MDT_LONG={'x' * 2000}"])
    lines = sorted([*flagged(block_domain), f"LONG={'x' * 2000}"])
    storage(block_domain).write(block_domain.lines(), lines, no_step)
    assert block_domain.lines() == lines


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=st.dictionaries(st.text(max_size=20), st.text(max_size=50)))
def test_any_text_comes_back(shared_block_domain, values):
    lines = {f"{key}={value}" for key, value in values.items()}
    ours = storage(shared_block_domain)
    ours.write(ours.read(), sorted(lines), no_step)
    assert ours.read() == sorted(lines)


# Origin, copies


def test_origin(block_dir):
    wwids = [WWID, OTHER_WWID]
    with contextlib.closing(BlockDomain(block_dir, wwids=wwids)) as domain:
        pvs = domain.report("pvs", "pv_name,pv_uuid")
        uuids = {row["pv_name"]: row["pv_uuid"] for row in pvs}
        ours = storage(domain)
        stored = ours.origin()
        assert stored == f"pv:{uuids[domain.devices[0]]},wwid:{WWID}"
        assert ours.match_origin(stored) == origin.SAME
        # The same PVs on another LUN.
        copies = [domain.copy_device(0), domain.copy_device(1)]
        os.unlink(domain.devices[0])
        os.symlink(copies[0], f"/dev/mapper/{OTHER_WWID}x")
        moved = [f"/dev/mapper/{OTHER_WWID}x", copies[1]]
        assert storage(domain, moved).match_origin(stored) == origin.REPLICA
        unknown = f"pv:nothing,wwid:{WWID}"
        assert storage(domain, moved).match_origin(unknown) == origin.UNKNOWN
        # No WWID is known of a plain device.
        os.unlink(moved[0])
        assert storage(domain, copies).match_origin(stored) == origin.UNKNOWN


def test_backup_can_be_restored(block_domain):
    path = os.path.join(block_domain.dir, "50%s.vg")
    assert storage(block_domain).save_extra(path)
    with open(path) as f:
        assert "RHAT_storage_domain" in f.read()
    lines = block_domain.lines()
    storage(block_domain).write(lines, flagged(block_domain), no_step)
    block_domain.lvm(["vgcfgrestore", "--file", path, block_domain.sd_id])
    assert block_domain.lines() == lines


def test_description_is_enough(shared_block_domain):
    ours = storage(shared_block_domain, timeout=7)
    described = ours.describe()
    assert described == {
        "kind": "block",
        "sd_id": shared_block_domain.sd_id,
        "lv_dir": shared_block_domain.lv_dir,
        "devices": shared_block_domain.devices,
        "timeout": 7,
    }

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The plugin on the metadata of a block domain: VDSM's own tags, LVM cache and
commands on a real VG. The domain around it needs device-mapper, so here a
stand-in has what the plugin uses of it; block_dm_test.py has the real one.
"""

import types
import uuid

import pytest

from tests.support.outside import FLAG
from tests.support.storage import loop
from tests.support.storage.blockdomain import BlockDomain
from vdsm_backup import errors
from vdsm_backup.cli import readings
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import encoding, flag, origin
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.plugin import gatekeeper, metadata, patches
from vdsm_backup.storage.block import BlockStorage
from vdsm_backup.vm.paths import NotADomain

pytestmark = pytest.mark.skipif(bool(loop.missing()), reason=loop.missing())


@pytest.fixture
def make(directory, monkeypatch):
    from vdsm.storage import lvm, multipath

    monkeypatch.setenv("LVM_SYSTEM_DIR", loop.lvm_system_dir(directory))
    monkeypatch.setenv("LVM_SUPPRESS_FD_WARNINGS", "1")

    def make_domain(**options):
        domain = BlockDomain(directory, **options)
        devices = domain.devices
        monkeypatch.setattr(
            multipath, "getMPDevNamesIter", lambda: iter(devices)
        )
        monkeypatch.setattr(lvm, "_lvminfo", lvm.LVMCache())
        return domain

    return make_domain


@pytest.fixture(params=[4, 5])
def block(make, request):
    return make(version=request.param)


@pytest.fixture
def plugin(monkeypatch):
    """Of the plugin, what is put around the dict; taken away again."""
    from vdsm.storage.persistent import PersistentDict

    for item in patches.WRAPPED:
        _, _, name = item.expected.at.rpartition("PersistentDict.")
        if name in ("transaction", "update", "_flush"):
            original = getattr(PersistentDict, name)
            monkeypatch.setattr(
                PersistentDict, name, item.wrap(original, None)
            )


def outside(block):
    return BlockStorage(block.sd_id, Lvm(block.devices), lv_dir=block.lv_dir)


def put_flag(storage):
    old = storage.read()
    new = md_lines.flush(flag.apply(md_lines.parse(old).values, FLAG))
    storage.write(old, new, lambda step: None)


def tags(block):
    from vdsm.storage.blockSD import TagBasedSDMetadata

    return TagBasedSDMetadata(block.sd_id)


def inside(block):
    from vdsm_backup.plugin.storage import VdsmBlockStorage

    domain = types.SimpleNamespace(
        sdUUID=block.sd_id, domaindir="/none", _metadata=tags(block)
    )
    return VdsmBlockStorage(domain)


def test_vdsm_without_the_plugin_loses_the_flag(block):
    md = tags(block)
    assert md["DESCRIPTION"] == "block1"
    put_flag(outside(block))
    md["DESCRIPTION"] = "new"
    assert readings.read(outside(block)).flag == flag.Flag(False)


def test_a_change_starts_from_storage(block, plugin):
    md = tags(block)
    assert md["DESCRIPTION"] == "block1"
    put_flag(outside(block))
    md["DESCRIPTION"] = "new"
    reading = readings.read(outside(block))
    assert reading.problems == []
    assert reading.flag == FLAG
    assert reading.md.values["DESCRIPTION"] == "new"


def test_tags_that_are_no_metadata_are_not_written(block, plugin, monkeypatch):
    from vdsm.storage import exception as se
    from vdsm.storage import lvm

    monkeypatch.setattr(metadata, "RETRY_FOR", 0)
    lines = outside(block).read()
    for line in lines:
        if line.startswith("VERSION="):
            lvm.changeVGTags(block.sd_id, delTags=[encoding.encode_tag(line)])
    before = outside(block).read()
    with pytest.raises(se.StorageDomainMetadataNotFound):
        # Its seal is broken now, which VDSM finds first.
        lvm.changeVGTags(
            block.sd_id,
            delTags=[
                encoding.encode_tag(x)
                for x in before
                if x.startswith(md_lines.SEAL)
            ],
        )
        tags(block)["DESCRIPTION"] = "new"
    assert "DESCRIPTION=block1" in outside(block).read()


def test_creation_of_a_domain(block, plugin):
    from vdsm.storage import lvm

    old = outside(block).read()
    values = md_lines.parse(old).values
    lvm.changeVGTags(
        block.sd_id, delTags=[encoding.encode_tag(x) for x in old]
    )
    assert outside(block).read() == []
    tags(block)._dict.update(values)
    assert sorted(outside(block).read()) == sorted(old)


def guids(count):
    return [f"36{uuid.uuid4().hex}" for _ in range(count)]


def test_devices_come_and_go(make, plugin):
    """
    Hosts that are not the SPM reduce a domain, under its SDM lease. The SPM
    that extends it then has old metadata in memory.
    """
    from vdsm.storage import lvm
    from vdsm.storage.blockSD import BlockStorageDomainManifest

    names = guids(3)
    block = make(wwids=names[:2])
    manifest = BlockStorageDomainManifest(block.sd_id)
    put_flag(outside(block))
    manifest.reduceVG(names[1])
    assert readings.read(outside(block)).flag == FLAG

    block._add_device(2, names[2])
    lvm.invalidateCache()
    manifest.extend([f"/dev/mapper/{names[2]}"], False)
    reading = readings.read(outside(block))
    assert reading.problems == []
    assert reading.flag == FLAG
    assert f"pv:{names[2]}," in reading.md.values["PV2"]


def test_read_is_what_is_on_storage_now(block):
    storage = inside(block)
    assert sorted(storage.read()) == sorted(outside(block).read())
    put_flag(outside(block))
    assert (
        flag.read(md_lines.parse(storage.read()).values, block.sd_id) == FLAG
    )


def test_read_looks_no_lvs_up_again(block, monkeypatch):
    from vdsm.storage import lvm

    asked = []
    for name in ("invalidateVG", "getLV", "getAllLVs"):
        monkeypatch.setattr(lvm, name, lambda *a, **o: asked.append(a))
    inside(block).read()
    assert asked == []


@pytest.mark.parametrize("known", ["origin", "replica"])
def test_a_replica_beside_its_origin(block, monkeypatch, known):
    """What counts is what VDSM would run a VM from, as for the hooks."""
    from vdsm.storage import lvm, multipath

    copies = [block.copy_device(i) for i in (0, 1)]
    put_flag(outside(block))
    used = block.devices if known == "origin" else copies
    devices = list(used)
    monkeypatch.setattr(multipath, "getMPDevNamesIter", lambda: iter(devices))
    assert is_flagged(inside(block)) == (known == "origin")
    devices += set(block.devices + copies) - set(devices)
    lvm._lvminfo.invalidate_devices()
    assert is_flagged(inside(block)) == (known == "origin")
    assert devices_of_vdsm(block) == set(used)


def devices_of_vdsm(block):
    """To which VDSM limits what it does with the VG, activation too."""
    from vdsm.storage import lvm

    return set(lvm._lvminfo._getVGDevs([block.sd_id]))


def is_flagged(storage):
    return flag.read(
        md_lines.parse(storage.read()).values, storage.sd_id
    ).value


def test_write(block, plugin):
    storage = inside(block)
    old = storage.read()
    new = md_lines.flush(flag.apply(md_lines.parse(old).values, FLAG))
    storage.write(old, new)
    assert sorted(outside(block).read()) == sorted(new)
    storage.write(new, old)
    assert sorted(outside(block).read()) == sorted(old)


def test_write_over_what_others_wrote(block, plugin):
    storage = inside(block)
    old = storage.read()
    put_flag(outside(block))
    with pytest.raises(errors.MetadataChanged):
        storage.write(old, old)
    assert readings.read(outside(block)).flag == FLAG


def test_origin_is_the_one_of_the_command_line(block):
    ours = outside(block).origin()
    assert inside(block).origin() == ours
    # A plain loop device has no WWID, so nothing can be said.
    assert inside(block).match_origin(ours) == origin.UNKNOWN


def test_vg_that_is_gone(block):
    storage = inside(block)
    block.lvm(["vgremove", "-f", block.sd_id])
    with pytest.raises(errors.MetadataUnreadable):
        storage.read()


def unflag(block):
    there = outside(block)
    old = there.read()
    cleared = flag.apply(md_lines.parse(old).values, flag.Flag(False))
    there.write(old, md_lines.flush(cleared), lambda step: None)


def test_formatting(block, monkeypatch):
    from vdsm.storage import exception as se
    from vdsm.storage import lvm

    from vdsm_backup.plugin import formatting, storage

    monkeypatch.setattr(storage, "open_domain", lambda sd_id: inside(block))
    wrapped = formatting.recycle(
        lambda self, dom: lvm.removeVG(dom.sdUUID), None
    )
    domain = types.SimpleNamespace(sdUUID=block.sd_id)
    put_flag(outside(block))
    with pytest.raises(se.StorageDomainFormatError, match="clear the flag"):
        wrapped(None, domain)
    assert readings.read(outside(block)).flag == FLAG
    unflag(block)
    wrapped(None, domain)
    with pytest.raises(errors.Error):
        outside(block).read()


@pytest.fixture
def init_pvs(block, monkeypatch):
    """
    lvm._initpvs with the plugin, on the devices of a domain. The holders of
    a device are of device-mapper, which is not here.
    """
    from vdsm.storage import lvm

    from vdsm_backup.plugin import formatting, storage

    monkeypatch.setattr(storage, "open_domain", lambda sd_id: inside(block))
    monkeypatch.setattr(lvm, "_removeHolders", lambda devices: None)
    wrapped = formatting.init_pvs(lvm._initpvs, None)
    return lambda force: wrapped(block.devices, 1, force)


def test_a_lun_of_a_flagged_domain_for_another_domain(block, init_pvs):
    from vdsm.storage import exception as se

    put_flag(outside(block))
    with pytest.raises(se.VolumeGroupHasDomainTag) as e:
        init_pvs(True)
    assert (e.value.code, e.value.expected) == (515, True)
    assert "clear the flag first" in str(e.value)
    assert readings.read(outside(block)).flag == FLAG
    # LVM's own refusal.
    with pytest.raises(se.PhysDevInitializationError):
        init_pvs(False)
    assert readings.read(outside(block)).flag == FLAG
    unflag(block)
    init_pvs(True)
    with pytest.raises(errors.Error):
        outside(block).read()
    # Now they are in no VG.
    init_pvs(True)


def test_a_domain_that_came_since_vdsm_looked(block, init_pvs):
    """VDSM's cache has these PVs in no VG."""
    from vdsm.storage import exception as se
    from vdsm.storage import lvm

    put_flag(outside(block))
    for device in block.devices:
        pv = lvm.getPV(device)
        assert pv.vg_name == block.sd_id
        lvm._lvminfo._pvs[pv.name] = pv._replace(vg_name="")
    with pytest.raises(se.VolumeGroupHasDomainTag):
        init_pvs(True)


@pytest.mark.parametrize(
    "tags, error",
    [
        ((), NotADomain),
        (("somebodys",), NotADomain),
        (("MDT_SDUUID=x",), errors.DomainNotFound),
    ],
)
def test_a_vg_that_is_none_of_vdsms(make, monkeypatch, tags, error):
    """A LUN in it, or an LV of it, is no reason to refuse a VM."""
    from vdsm.storage.sdc import sdCache

    block = make(version=5)
    lvm = Lvm(block.devices)
    (vg,) = lvm.scan().vgs
    lvm.change_tags(vg, add=tags, delete=vg.tags)
    # As for a VG without the tag of a domain; looking elsewhere takes long.
    monkeypatch.setattr(sdCache, "produce", _produce_none)
    with pytest.raises(error):
        gatekeeper._read_lines(block.sd_id)


def test_no_vg_and_no_domain(make, monkeypatch):
    from vdsm.storage.sdc import sdCache

    make(version=5)
    monkeypatch.setattr(sdCache, "produce", _produce_none)
    with pytest.raises(errors.DomainNotFound):
        gatekeeper._read_lines(str(uuid.uuid4()))


def _produce_none(sd_id):
    from vdsm.storage import exception as se

    raise se.StorageDomainDoesNotExist(sd_id)

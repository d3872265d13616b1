# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is done to images of a flagged domain without a VM, by the verbs that the
engine sends: all of it goes on, its data is there afterwards, the flag is not
even looked at, and the metadata of the domain is as it was.
"""

import os
import uuid

import pytest

from tests.support import outside
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm import vdsmimages as images
from tests.support.vdsm.vdsmguest import Guest
from tests.support.vdsm.vdsmhost import BLANK
from tests.support.vdsm.vdsmimages import Domain
from tests.vdsm.inside import guard
from tests.vdsm.inside import images as inside_images

COPY, MOVE = 1, 2
SHARED = 6
WIPE = {"postZero": False, "force": False, "discard": False}


@pytest.fixture
def domains(host):
    """A flagged domain, and another one of the same pool."""
    found = [Domain(*one) for one in guests.regular_domains(host)]
    host.set_backup(found[0].sd_id)
    before = [outside.values(d.metafile) for d in found]
    host.do(guard.count_reads)
    yield found
    # None of it is checked: it would be slowed by a flag that hangs.
    assert host.run("say(cif.reads)") == [[]]
    assert [outside.values(d.metafile) for d in found] == before
    assert host.get_backup(found[0].sd_id)["backup"] is True


@pytest.fixture(params=["to", "from"])
def way(request, domains):
    """(source, target)"""
    return domains[::-1] if request.param == "to" else domains


def move(host, image, target, operation):
    host.wait(
        host.call(
            "Image.move",
            dstSdUUID=target.sd_id,
            operation=operation,
            **WIPE,
            **image.ids(host.sp_id),
        )
    )
    return images.Image(target, image.id, image.volumes)


@pytest.mark.parametrize("operation", [COPY, MOVE])
def test_copy_and_move(host, way, operation):
    source, target = way
    image = images.make(host, host.sp_id, source, "ab")
    there = move(host, image, target, operation)
    assert there.content() == images.expected("ab")
    assert source.has(image.id) == (operation == COPY)


def collapse(host, image, copy):
    """Volume.copy: all that a VM reads of an image, in one volume."""
    host.wait(
        host.call(
            "Volume.copy",
            volumeID=image.volumes[-1],
            dstSdUUID=copy.domain.sd_id,
            dstImgUUID=copy.id,
            dstVolUUID=copy.volumes[0],
            desc="",
            volType=SHARED,
            volFormat=guests.RAW,
            preallocate=guests.SPARSE,
            **WIPE,
            **image.ids(host.sp_id),
        )
    )


def test_copy_of_a_chain_into_one_volume(host, way):
    """A template, or a clone of a VM."""
    source, target = way
    image = images.make(host, host.sp_id, source, "ab")
    copy = images.Image(target, str(uuid.uuid4()), [str(uuid.uuid4())])
    collapse(host, image, copy)
    assert copy.content() == images.expected("ab")


def test_vm_whose_template_has_a_copy_there(host, domains):
    """Its own disk, which is based on the other copy, is elsewhere."""
    image = images.make(host, host.sp_id, domains[1], "a")
    ids = str(uuid.uuid4()), str(uuid.uuid4())
    for domain in domains:
        collapse(host, image, images.Image(domain, ids[0], [ids[1]]))
    disk = [host.sp_id, domains[1].sd_id, str(uuid.uuid4())]
    disk.append(guests.volume(host, *disk, ids[1], source=ids[0]))
    assert Guest(host, guests.Disk(*disk)).start() == ""
    # That of its own disk alone.
    assert host.run("say(list(set(cif.reads))); cif.reads.clear()") == [
        [domains[1].sd_id]
    ]


def test_copy_of_data(host, way):
    """How the engine copies today: a new volume, then a job that fills it."""
    source, target = way
    image = images.make(host, host.sp_id, source, "a")
    copy = images.make(host, host.sp_id, target, "z")
    host.run_job(
        "SDM.copy_data",
        source={"endpoint_type": "div", **image.vol_info(image.volumes[0])},
        destination={"endpoint_type": "div", **copy.vol_info(copy.volumes[0])},
    )
    assert copy.content() == images.expected("a")


def test_preparation_of_a_live_storage_migration(host, way):
    """
    Its images; that a VM writes there is another row, and another verb.
    """
    source, target = way
    image = images.make(host, host.sp_id, source, "abc")
    params = {"dstSdUUID": target.sd_id, **image.ids(host.sp_id)}
    host.wait(host.call("Image.cloneStructure", **params))
    there = images.Image(target, image.id, image.volumes)
    assert there.content() == images.expected("")
    host.wait(host.call("Image.syncData", syncType="INTERNAL", **params))
    # The leaf is what the VM itself would copy.
    assert there.content() == images.expected("ab")


def subchain(image, base, top):
    return {
        "sd_id": image.domain.sd_id,
        "img_id": image.id,
        "base_id": image.volumes[base],
        "top_id": image.volumes[top],
    }


@pytest.mark.parametrize("base, top", [(0, 1), (1, 2)])
def test_cold_merge(host, domains, base, top):
    """All three steps, and the deletion of what is left of the snapshot."""
    image = images.make(host, host.sp_id, domains[0], "abc")
    merged = subchain(image, base, top)
    pool = {"storagepoolID": host.sp_id, "subchainInfo": merged}
    host.wait(host.call("StoragePool.prepareMerge", **pool))
    host.run_job("SDM.merge", subchain_info=merged)
    host.wait(host.call("StoragePool.finalizeMerge", **pool))
    host.wait(
        host.call(
            "Volume.delete",
            volumeID=image.volumes.pop(top),
            **WIPE,
            **image.ids(host.sp_id),
        )
    )
    assert image.content() == images.expected("abc")
    found = host.call("Image.getVolumes", **image.ids(host.sp_id))
    assert set(found) == set(image.volumes)


def test_reduce(host, domains):
    """A volume of a file domain is not reduced; the verb is no error."""
    image = images.make(host, host.sp_id, domains[0], "ab")
    host.wait(
        host.call(
            "StoragePool.reduceVolume",
            volumeID=image.volumes[1],
            **image.ids(host.sp_id),
        )
    )
    assert image.content() == images.expected("ab")


def test_sparsify(host, domains):
    host.do(inside_images.replace_sparsify)
    image = images.make(host, host.sp_id, domains[0], "a")
    path = image.domain.path(image.id, image.volumes[0])
    with open(path, "r+b") as f:
        f.write(bytes(images.SIZE))
        os.fsync(f.fileno())
    full = os.stat(path).st_blocks
    host.run_job(
        "SDM.sparsify_volume", vol_info=image.vol_info(image.volumes[0])
    )
    assert os.stat(path).st_blocks < full


@pytest.mark.parametrize("layers", ["a", "ab"])
def test_extend(host, domains, layers):
    """A disk of a VM that is down; raw, and qcow2, which has a second step."""
    image = images.make(host, host.sp_id, domains[0], layers)
    size = str(2 * images.SIZE)
    host.wait(
        host.call(
            "Volume.extendSize",
            volumeID=image.volumes[-1],
            newSize=size,
            **image.ids(host.sp_id),
        )
    )
    host.call(
        "VM.diskSizeExtend",
        vmID=BLANK,
        driveSpecs={
            "poolID": host.sp_id,
            "domainID": domains[0].sd_id,
            "imageID": image.id,
            "volumeID": image.volumes[-1],
        },
        newSize=size,
    )
    assert image.content() == images.expected(layers) + bytes(images.SIZE)


def test_nbd_server(host, domains):
    """What a transfer up or down, and a backup, read and write through."""
    host.do(inside_images.replace_nbd_units, os.path.join(host.root, "nbd"))
    image = images.make(host, host.sp_id, domains[0], "ab")
    server = str(uuid.uuid4())
    config = {"readonly": False, **image.vol_info(image.volumes[-1])}
    url = host.call("NBD.start_server", server_id=server, config=config)
    try:
        assert images.content(url, images.RAW) == images.expected("ab")
        images.write(url, images.RAW, 2, "c")
    finally:
        host.call("NBD.stop_server", server_id=server)
    assert image.content() == images.expected("abc")


def test_seal(host, domains):
    """A template whose disks are there."""
    image = images.make(host, host.sp_id, domains[0], "a")
    host.do(inside_images.replace_sysprep, images.write_command(1, "s"))
    job = str(uuid.uuid4())
    host.call(
        "VM.seal",
        vmID=str(uuid.uuid4()),
        job_id=job,
        sp_id=host.sp_id,
        images=[image.vol_info(image.volumes[0])],
    )
    host.wait_for_job(job)
    assert image.content() == images.expected("as")

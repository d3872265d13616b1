# SPDX-License-Identifier: GPL-2.0-or-later
"""
What list says of VGs and devices that are no domain, or not one that can be
used: real LVM. Whatever may be or hide a domain has a row.
"""

import os
import shlex
import subprocess
import uuid

import pytest

from tests.support import testhost
from tests.support.storage import harms, loop
from tests.support.storage.blocktools import needs_block

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.clifixtures",
]
pytestmark = needs_block

PV_SIZE = 1 << 30
TAG = "RHAT_storage_domain"


@pytest.fixture
def listed(directory, block_domain):
    """
    Rows, notes and the exit code of list, on a host that has these devices.
    """

    def run(devices):
        path = os.path.join(directory, f"host{uuid.uuid4()}")
        with testhost.Host(
            path, 30, block=[block_domain], devices=", ".join(devices)
        ) as host:
            done = host.json("list")
            done_for_people = host.run("list")
            text, err = done_for_people.out, done_for_people.err
        for row in done.json["domains"]:
            assert (row["id"] or row["place"]) in text
        for note in done.json["notes"]:
            assert f"note: {note}\n" in err
        return done.json["domains"], done.json["notes"], done.code

    return run


@pytest.fixture
def attach(tmp_path):
    """A new device."""
    attached = []

    def run(size=PV_SIZE):
        path = loop.make_file(str(tmp_path / f"pv{len(attached)}"), size)
        attached.append(loop.attach(path, partitions=True))
        return attached[-1]

    yield run
    for device in attached:
        loop.detach(device)


def test_imported_clone(listed, block_domain):
    """vgimportclone names the VG so."""
    name = f"{block_domain.sd_id}1"
    block_domain.lvm(["vgrename", block_domain.sd_id, name])
    ((row,), notes, code) = listed(block_domain.devices)
    assert (row["id"], row["flag"], code, notes) == (None, None, 3, [])
    assert name in row["place"]
    assert row["error"]["code"] == 9622
    assert "name that is no UUID" in row["error"]["message"]


@pytest.mark.parametrize("tag", [f"{TAG}_UNREADY", ""])
def test_tag_of_a_domain_is_not_there(listed, block_domain, tag):
    sd_id = block_domain.sd_id
    more = ["--addtag", tag] if tag else []
    block_domain.lvm(["vgchange", "--deltag", TAG, *more, sd_id])
    ((row,), _, code) = listed(block_domain.devices)
    assert (row["id"], row["error"]["code"], code) == (sd_id, 9622, 3)
    assert tag or f"no tag {TAG}" in row["error"]["message"]


def test_domain_that_is_exported_is_a_domain(listed, block_domain):
    block_domain.lvm(["vgexport", block_domain.sd_id])
    ((row,), _, code) = listed(block_domain.devices)
    assert (row["id"], row["flag"], code) == (block_domain.sd_id, False, 0)


def test_half_of_a_domain(listed, block_domain):
    """The VG's metadata is on the first PV."""
    first, second = block_domain.devices
    ((row,), _, code) = listed([first])
    assert (row["id"], code) == (block_domain.sd_id, 0)
    ((row,), notes, code) = listed([second])
    assert (row["id"], row["place"], code) == (None, second, 3)
    assert row["error"]["code"] == 969
    assert notes == []


def test_filter_of_the_host(listed, block_domain):
    """It does not matter, since the devices are named."""
    directory = os.environ["LVM_SYSTEM_DIR"]
    path = os.path.join(directory, "lvm.conf")
    with open(path) as f:
        before = f.read()
    rejected = "|".join(block_domain.devices)
    with open(path, "a") as f:
        f.write(f'\ndevices {{ global_filter = ["r#^({rejected})$#"] }}\n')
    try:
        ((row,), _, code) = listed(block_domain.devices)
    finally:
        with open(path, "w") as f:
            f.write(before)
    assert (row["id"], code) == (block_domain.sd_id, 0)


def test_device_that_is_gone(listed, block_domain, attach):
    """As a LUN that its array has taken away: a domain may have been on it."""
    gone = attach(0)
    rows, notes, code = listed([*block_domain.devices, gone])
    first, second = rows
    assert (first["id"], second["place"]) == (block_domain.sd_id, gone)
    assert second["error"]["code"] == 969
    assert (notes, code) == ([], 3)


def test_guest(listed, block_domain, attach):
    """A guest has its own LVM on its LUNs, of which one may be here."""
    first, second = attach(), attach()
    block_domain.lvm(["pvcreate", first], devices=[first])
    block_domain.lvm(
        ["pvcreate", "--metadatacopies", "0", second], devices=[second]
    )
    both = [first, second]
    block_domain.lvm(["vgcreate", "guest", *both], devices=both)
    for some, noted in ((both, []), ([first], []), ([second], [second])):
        rows, notes, code = listed([*block_domain.devices, *some])
        assert [row["id"] for row in rows] == [block_domain.sd_id]
        assert code == 0
        assert [note.partition(": ")[0] for note in notes] == noted


# Of each harm: what LVM says, and how wipefs names it.
REJECTED = {
    harms.partitioned: ("device is partitioned", "dos"),
    harms.signed: ("device has a signature", "LVM1_member"),
}


@pytest.mark.parametrize("harm", REJECTED, ids=lambda harm: harm.__name__)
def test_lun_of_a_domain_that_lvm_rejects(listed, block_domain, harm):
    """The VG's metadata is on it."""
    sd_id, (first, second) = block_domain.sd_id, block_domain.devices
    why, kind = REJECTED[harm]
    harm(first)
    (row, other), notes, code = listed([first, second])
    assert (row["id"], row["place"], row["flag"]) == (sd_id, first, None)
    assert (row["error"]["code"], notes, code) == (9622, [], 3)
    assert row["error"]["message"].endswith(f"by its label: {why}")
    # LVM tells of the other one that its VG is not here.
    assert (other["place"], other["error"]["code"]) == (second, 969)
    *_, hint = row["error"]["hints"]
    command = shlex.split(hint.rpartition(": ")[2])
    assert command == shlex.split(
        f"wipefs --all --backup --types {kind} {first}"
    )
    command.remove("--backup")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    ((row,), _, code) = listed([first, second])
    assert (row["id"], row["flag"], code) == (sd_id, False, 0)


def test_lun_that_a_domain_misses_and_lvm_rejects(listed, block_domain):
    """The VG's metadata is on the other one."""
    first, second = block_domain.devices
    harms.partitioned(second)
    (row,), (note,), code = listed([first, second])
    assert (row["id"], row["error"], code) == (block_domain.sd_id, None, 0)
    why = f"{second}: LVM does not use it: device is partitioned; by its label"
    assert note.startswith(why)
    assert f"PV of storage domain {block_domain.sd_id}," in note


def test_lun_without_metadata_that_lvm_rejects(listed, block_domain):
    """
    Its domain is not known. What tells that it is one of VDSM is that it has
    two areas for metadata.
    """
    _, second = block_domain.devices
    harms.partitioned(second)
    ((row,), notes, code) = listed([second])
    assert (row["id"], row["place"], notes, code) == (None, second, [], 3)
    assert f"storage domain on {second}: LVM" in row["error"]["message"]


def test_devices_that_lvm_rejects_and_that_were_no_domain(
    listed, block_domain, attach
):
    """Disks of VMs and of the host have partitions, and no row."""
    disk, guest, first, second, third = (attach() for _ in range(5))
    block_domain.lvm(["pvcreate", guest], devices=[guest])
    # Of somebody who has made it as VDSM does; it is no domain.
    two = ["--metadatacopies", "2"]
    other = [first, second, third]
    block_domain.lvm(["pvcreate", *two, *other], devices=other)
    block_domain.lvm(["vgcreate", "guest", *other], devices=other)
    # The VG is found, and misses the two.
    for device in (disk, guest, first, second):
        harms.partitioned(device)
    rows, notes, code = listed([*block_domain.devices, disk, guest, *other])
    assert [row["id"] for row in rows] == [block_domain.sd_id]
    assert (notes, code) == ([], 0)


FAR = b"\0" + b"\xff" * 7

# Of a PV's first sectors: offsets and what is written there.
DAMAGE = {
    "offset of the header": (532, b"\xff" * 4),
    "no end of a list": (584, b"\0\2" + bytes(14) * 40),
    "areas that are not there": (616, FAR * 4),
    "no label": (512, bytes(8)),
}


@pytest.mark.parametrize("harm", DAMAGE)
def test_label_that_is_damaged(listed, block_domain, attach, harm):
    """Whatever its offsets say, each device that lvm rejects is looked at."""
    first, second = block_domain.devices
    copy, start, data = attach(16 << 20), *DAMAGE[harm]
    with open(first, "rb") as f, open(copy, "r+b") as g:
        g.write(f.read(1 << 20))
        g.seek(start)
        g.write(data)
    harms.partitioned(copy)
    harms.partitioned(first)
    rows, _, _ = listed([first, second, copy])
    found = {row["place"]: row["error"]["code"] for row in rows}
    assert found[first] == 9622
    assert found.get(copy) in (None, 9622)

# SPDX-License-Identifier: GPL-2.0-or-later
"""verify on block domains that VDSM, sanlock or LVM cannot use: real LVM."""

import os
import subprocess

import pytest

from tests.support import testhost
from tests.support.hooks.needs import VDSM, needs_other_user
from tests.support.storage import leasefiles
from tests.support.storage.blockdomain import MiB
from tests.support.storage.blocktools import needs_block
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.clifixtures",
]
pytestmark = needs_block

OTHER = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def verify(directory, block_domain):
    """The rows of verify."""
    path = os.path.join(directory, "host")
    with testhost.Host(path, 30, block=[block_domain]) as host:

        def run(*args):
            done = host.json("verify", *args)
            rows = done.json["domains"]
            wrong = any(row["problems"] for row in rows)
            assert done.code == (1 if wrong else 0)
            return rows

        yield run


def tell(rows):
    """(codes, all messages, notes) of the only domain."""
    (row,) = rows
    assert row["ok"] == (not row["problems"])
    codes = [problem["code"] for problem in row["problems"]]
    texts = [problem["message"] for problem in row["problems"]]
    return codes, " | ".join(texts), row["notes"]


def test_all_is_well(verify, block_domain):
    (row,) = verify()
    assert (row["problems"], row["notes"]) == ([], [])
    areas = {"VG", "PVs", "LVs", "ids", "leases", "xleases"}
    assert areas <= set(row["looked_at"])


@needs_other_user
def test_user_vdsm_may_not_open_the_devices(directory, block_domain):
    """So root reads what sanlock has on them."""
    path = os.path.join(directory, "host")
    with testhost.Host(
        path, 30, block=[block_domain], user=VDSM[0], group=VDSM[1]
    ) as host:
        (row,) = host.process("--json", "verify").json["domains"]
    assert (row["problems"], row["notes"]) == ([], [])
    assert {"ids", "leases", "xleases"} <= set(row["looked_at"])


def remove(domain, name):
    domain.lvm(["lvremove", "--yes", f"{domain.sd_id}/{name}"])


@pytest.mark.parametrize(
    "name", "metadata ids leases inbox outbox master xleases".split()
)
def test_lv_that_is_missing(verify, block_domain, name):
    remove(block_domain, name)
    codes, text, _ = tell(verify())
    assert codes == [9622]
    assert f"its LV {name} is missing" in text


@pytest.mark.parametrize("name", ["leases", "xleases", "master"])
def test_lv_that_is_too_short_for_some_of_its_leases(
    verify, block_domain, name
):
    """An extent has 128 MiB, which is enough for ids and for SDM."""
    remove(block_domain, name)
    block_domain.add_lv(name, 128)
    codes, _, notes = tell(verify())
    assert codes == []
    (note,) = notes
    assert note.startswith(f"LV {name} has 134217728 bytes, VDSM uses up to")


@pytest.mark.parametrize(
    "name, codes", [("ids", [9620]), ("leases", [9620]), ("inbox", [])]
)
def test_lv_that_is_read_only(verify, block_domain, name, codes):
    block_domain.lvm(
        ["lvchange", "--permission", "r", f"{block_domain.sd_id}/{name}"]
    )
    found, text, notes = tell(verify())
    assert found == codes
    assert "read-only" in " ".join([text, *notes])


def test_lv_with_the_tags_of_an_image(verify, block_domain):
    name = f"{block_domain.sd_id}/ids"
    block_domain.lvm(["lvchange", "--addtag", "MD_4", name])
    codes, _, notes = tell(verify())
    assert codes == []
    assert notes == ["LV ids has tags, as LVs of images have: MD_4"]


@pytest.mark.parametrize(
    "name, data, at, words",
    [
        ("ids", bytes(MiB), 0, "zeroed"),
        ("ids", leasefiles.ids(OTHER), 0, OTHER),
        ("leases", bytes(512), MiB, "zeroed"),
        ("leases", leasefiles.sdm(OTHER), MiB, OTHER),
    ],
)
def test_what_sanlock_has(verify, block_domain, name, data, at, words):
    block_domain.write_lv(name, data, at)
    codes, text, _ = tell(verify())
    assert codes == [9620]
    assert f"{name} of " in text and words in text


@pytest.mark.parametrize("data", [bytes(512), leasefiles.index(OTHER)])
def test_leases_of_vms_are_a_note(verify, block_domain, data):
    block_domain.write_lv("xleases", data, MiB)
    codes, _, (note,) = tell(verify())
    assert codes == [] and note.startswith("xleases: ")


def change(domain, **values):
    """Other metadata, with the right checksum."""
    kept = {**domain.values, **values}
    kept = {key: value for key, value in kept.items() if value is not None}
    domain.put(md_lines.flush(kept))


@pytest.mark.parametrize(
    "key, old, new, words",
    [
        ("PV1", "pecount:", "pecount:9", "PV1 has 9"),
        ("PV1", "mapoffset:", "mapoffset:9", "PV1 has mapoffset 9"),
        ("PV1", "uuid:", "uuid:x", "PV1 is a PV that is not here: x"),
        ("PV0", "uuid:", "uuid:x", "which is not PV0"),
        ("PV1", None, None, "is a PV of the VG, and not in the metadata"),
        ("VGUUID", "", "x-", "VGUUID is x-"),
    ],
)
def test_vg_is_not_as_the_metadata_says(
    verify, block_domain, key, old, new, words
):
    value = block_domain.values[key]
    value = None if old is None else value.replace(old, new, 1)
    change(block_domain, **{key: value})
    codes, _, notes = tell(verify())
    assert codes == []
    assert any(words in note for note in notes), notes


def test_metadata_is_not_at_the_first_extent(verify, block_domain):
    remove(block_domain, "metadata")
    block_domain.lvm(
        f"lvcreate --autobackup n -an -Zn --wipesignatures n --size 128m"
        f" --name metadata {block_domain.sd_id}".split()
        + [f"{block_domain.devices[0]}:40"]
    )
    codes, _, notes = tell(verify())
    assert codes == []
    assert any("first extent" in note for note in notes), notes


def test_blocks_of_another_size(verify, block_domain):
    change(block_domain, BLOCK_SIZE="4096")
    codes, text, _ = tell(verify())
    assert 9622 in codes
    assert "BLOCK_SIZE is 4096, its devices have 512" in text


def test_tag_that_vdsm_cannot_delete(verify, block_domain):
    block_domain.change_tags(
        add=["MDT_ROLE=&82&egular"], delete=["MDT_ROLE=Regular"]
    )
    codes, text, _ = tell(verify())
    assert codes == [967]
    assert "cannot delete it" in text


# The VG


def test_exported(verify, block_domain):
    block_domain.lvm(["vgexport", block_domain.sd_id])
    codes, text, _ = tell(verify())
    assert 968 in codes and "exported" in text


def test_foreign(verify, block_domain):
    block_domain.lvm(
        ["vgchange", "--yes", "--systemid", "other", block_domain.sd_id]
    )
    codes, text, _ = tell(verify())
    assert 968 in codes and "of the host with ID other" in text


def test_pv_that_is_missing(directory, block_domain):
    path = os.path.join(directory, "host")
    device = block_domain.devices[0]
    with testhost.Host(path, 30, block=[block_domain], devices=device) as host:
        done = host.json("verify")
    codes, text, _ = tell(done.json["domains"])
    assert 968 in codes and "misses PVs" in text


def test_pv_that_is_read_only(verify, block_domain):
    device = block_domain.devices[1]
    subprocess.run(["blockdev", "--setro", device], check=True)
    try:
        codes, text, _ = tell(verify())
    finally:
        subprocess.run(["blockdev", "--setrw", device], check=True)
    assert codes == [9624] and f"{device} is read-only" in text


def test_device_that_is_smaller_than_its_pv(verify, block_domain):
    device, path = block_domain.devices[1], block_domain.files[1]
    os.truncate(path, os.path.getsize(path) // 2)
    subprocess.run(["losetup", "--set-capacity", device], check=True)
    codes, text, _ = tell(verify())
    assert codes == [9622] and f"{device} has " in text


def test_two_pvs_with_metadata(verify, block_domain):
    block_domain.lvm(
        ["pvchange", "--metadataignore", "n", block_domain.devices[1]]
    )
    codes, _, notes = tell(verify())
    assert codes == []
    assert any(note.startswith("2 PVs have LVM's metadata") for note in notes)


@pytest.mark.parametrize(
    "add, words",
    [
        (["RHAT_storage_domain_UNREADY"], "never finished"),
        ([], "no tag RHAT_storage_domain"),
    ],
)
def test_vg_without_the_tag_of_a_domain(verify, block_domain, add, words):
    block_domain.change_tags(add, ["RHAT_storage_domain"])
    (row,) = verify()
    assert row["id"] == block_domain.sd_id
    (problem,) = row["problems"]
    assert problem["code"] == 9622 and words in problem["message"]
    for args in ([block_domain.sd_id], ["--device", block_domain.devices[0]]):
        (again,) = verify(*args)
        assert again["id"] == block_domain.sd_id
        assert again["problems"] != []


def test_vg_that_was_renamed(verify, block_domain):
    """vgimportclone names a clone so, and VDSM does not find it then."""
    new = f"{block_domain.sd_id}1"
    block_domain.lvm(["vgrename", block_domain.sd_id, new])
    (row,) = verify()
    (problem,) = row["problems"]
    assert problem["code"] == 9622 and new in problem["message"]

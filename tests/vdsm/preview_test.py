# SPDX-License-Identifier: GPL-2.0-or-later
"""
Volume.create by JSON-RPC, on chains that VDSM made itself: of all that it is
used for only a preview branches, and is refused on a flagged domain.
"""

import os
import uuid

import pytest

from tests.support import outside
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.vdsmhost import BLANK
from tests.vdsm.inside import guard, storage

# What the engine knows for this verb: createIllegalVolumeSnapshotError.
REFUSED = 226


class Chain:
    """An image of a regular domain: base (internal) and its leaf."""

    def __init__(self, host, version=5):
        self.host = host
        self.master, _ = host.local_domain(version)
        self.sd_id, self.metafile = host.local_domain(version)
        self.sp_id = host.pool(self.master, self.sd_id)
        self.image = str(uuid.uuid4())
        self.base = self.volume()
        self.leaf = self.volume(self.base)
        host.do(guard.count_reads)

    def volume(self, parent=None, source=BLANK, image=None):
        image = image or self.image
        return guests.volume(
            self.host, self.sp_id, self.sd_id, image, parent, source
        )

    def refused(self, *args, **kwargs):
        return guests.refused(self.volume, *args, **kwargs)

    def reads(self):
        return len(self.host.run("say(cif.reads)")[0])

    def change(self, volume, key, value):
        """In the metadata of a volume, as VDSM would."""
        images = os.path.join(os.path.dirname(self.metafile), "..", "images")
        path = os.path.join(images, self.image, f"{volume}.meta")
        with open(path) as f:
            lines = f.read().splitlines()
        with open(path, "w") as f:
            for line in lines:
                f.write(f"{key}={value}\n" if line.startswith(key) else line)
                f.write("\n")


@pytest.fixture
def chain(host):
    return Chain(host)


@pytest.mark.parametrize("version", [4, 5])
def test_cold_snapshot_and_preview(host, version):
    chain = Chain(host, version)
    outside.put_flag(chain.metafile)

    # A snapshot extends the leaf; the flag is not even looked at.
    top = chain.volume(chain.leaf)
    assert chain.reads() == 0
    for parent in (chain.base, chain.leaf):
        for source in (BLANK, chain.image):
            code, text = chain.refused(parent, source)
            assert code == REFUSED
            assert "A VM cannot preview a snapshot" in text
            assert f"set by {outside.FLAG.by}: {outside.FLAG.reason}" in text
            assert "(error 994)" in text
    assert chain.reads() == 4
    # Nothing is there that was not.
    assert set(volumes(chain)) == {chain.base, chain.leaf, top}
    assert host.call("Host.getAllTasksStatuses") == {}


def volumes(chain):
    return [
        name
        for name in os.listdir(
            os.path.join(
                os.path.dirname(chain.metafile), "..", "images", chain.image
            )
        )
        if "." not in name
    ]


def test_preview_on_a_domain_that_is_not_flagged(chain):
    chain.volume(chain.base)
    assert chain.reads() == 1


def test_blank_and_new(chain):
    outside.put_flag(chain.metafile)
    chain.volume(image=str(uuid.uuid4()))
    assert chain.reads() == 0


def test_child_that_is_not_legal_is_left_by_a_live_merge(chain):
    outside.put_flag(chain.metafile)
    chain.change(chain.leaf, "LEGALITY", "ILLEGAL")
    chain.volume(chain.base)
    assert chain.reads() == 0
    # Now there is one that is.
    assert chain.refused(chain.base)[0] == REFUSED


def test_child_that_is_gone(chain):
    """An internal volume without children: a snapshot, no preview."""
    outside.put_flag(chain.metafile)
    chain.change(chain.leaf, "PUUID", BLANK)
    chain.volume(chain.base)
    assert chain.reads() == 0


def test_template(chain):
    """Volumes of other images on a template; its children do not count."""
    chain.change(chain.leaf, "PUUID", BLANK)
    chain.change(chain.base, "VOLTYPE", "SHARED")
    outside.put_flag(chain.metafile)
    for _ in range(2):
        image = str(uuid.uuid4())
        chain.volume(chain.base, source=chain.image, image=image)
    assert chain.reads() == 0


def test_volume_cannot_be_read(chain):
    """Nobody knows its structure: the flag decides."""
    chain.change(chain.leaf, "CTIME", "never")
    os.truncate(
        os.path.join(
            os.path.dirname(chain.metafile),
            "..",
            "images",
            chain.image,
            f"{chain.leaf}.meta",
        ),
        0,
    )
    outside.put_flag(chain.metafile)
    assert chain.refused(chain.base)[0] == REFUSED
    assert chain.reads() == 1


def test_flag_that_cannot_be_read(chain):
    outside.put(
        chain.metafile, {**outside.values(chain.metafile), "BACKUP": "maybe"}
    )
    code, text = chain.refused(chain.base)
    assert code == REFUSED
    assert "not because it is flagged" in text
    assert "(error 995: 966)" in text


def test_configuration_that_is_broken(chain):
    chain.host.configure(mode="maybe")
    code, text = chain.refused(chain.base)
    assert (code, "(error 987)" in text) == (REFUSED, True)
    chain.volume(chain.leaf)


def test_not_the_spm(chain):
    outside.put_flag(chain.metafile)
    chain.host.stop_spm(chain.sp_id)
    assert chain.refused(chain.base)[0] == 654
    assert chain.reads() == 0


def test_what_vdsm_answered_before(start):
    """Errors of the original are the same with the plugin and without."""

    def answers(plugin):
        host = start(f"plugin-{plugin}", plugin=plugin)
        master, _ = host.local_domain()
        sp_id = host.pool(master)
        image, other = str(uuid.uuid4()), str(uuid.uuid4())
        volume = guests.volume(host, sp_id, master, image)
        yield refusal(host, other, master, image, volume)
        yield refusal(host, sp_id, other, image)
        yield refusal(host, sp_id, master, "no-uuid", volume)
        yield refusal(host, sp_id, master, image, "no-uuid")
        yield refusal(host, sp_id, master, image, other)

    def refusal(host, *args):
        return guests.refused(guests.volume, host, *args)[0]

    assert list(answers(True)) == list(answers(False))


def test_exported_as_before(start):
    host = start()
    found = host.do(storage.create_volume_exported)
    assert found == ["createVolume", True]


# LVs of block domains as VDSM's LVM cache has them; block_dm_test.py has real
# ones


def test_children_on_a_block_domain(host):
    lvs = [
        ["child", "IU_image", "PU_parent", "MD_1"],
        ["other-image", "IU_other", "PU_parent", "MD_2"],
        ["other-parent", "IU_image", "PU_other", "MD_3"],
        ["parent", "IU_image", f"PU_{BLANK}", "MD_4"],
        ["metadata"],
    ]
    assert host.do(guard.children, lvs) == ["child"]


def test_a_mount_of_a_server_with_an_ipv6_address(host, monkeypatch):
    """VDSM keeps its brackets in the name of the directory."""
    root = os.path.join(host.root, "[fd00::1]:_export")
    os.mkdir(root, 0o777)
    monkeypatch.setattr(host, "root", root)
    chain = Chain(host)
    outside.put_flag(chain.metafile)
    code, text = chain.refused(chain.base)
    assert code == REFUSED
    assert "(error 994)" in text

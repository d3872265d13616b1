# SPDX-License-Identifier: GPL-2.0-or-later
"""The wrapper of HSM.createVolume, on stand-ins for VDSM's storage."""

import types

import pytest

from tests.support.vdsm import vdsmvms
from tests.support.vdsm.vdsmvms import GeneralException
from vdsm_backup.plugin import preview, storage


class Gate:
    refuses = False
    asked = []

    def __init__(self, path):
        pass

    def require_allowed(self, operation, vm, vm_id=None, drives=(), xml=None):
        (drive,) = drives
        self.asked.append((operation, drive["domainID"], drive["imageID"]))
        if self.refuses:
            raise GeneralException("why")


class Volume:
    def __init__(self, parent="blank", voltype="LEAF", legal=True):
        self.parent, self.voltype, self.legal = parent, voltype, legal

    def getParent(self):
        return self.parent

    def isInternal(self):
        return self.voltype == "INTERNAL"

    def isLegal(self):
        return self.legal


class Domain:
    """An image with `volumes`, on a file domain."""

    sdUUID = "sd"

    def __init__(self):
        self.volumes = {}
        self.oop = types.SimpleNamespace(
            glob=types.SimpleNamespace(glob=self.glob)
        )

    def glob(self, pattern):
        assert pattern == "/images/img/*.meta"
        return [f"/images/img/{name}.meta" for name in self.volumes]

    def getImageDir(self, image):
        return f"/images/{image}"

    def produceVolume(self, image, volume):
        assert image == "img"
        if volume not in self.volumes:
            raise GeneralException("VolumeDoesNotExist")
        return self.volumes[volume]


@pytest.fixture(autouse=True)
def domain(monkeypatch):
    vdsmvms.be_imported(monkeypatch)
    domain = Domain()
    vdsmvms.be_storage(monkeypatch, lambda sd_id: domain)
    monkeypatch.setattr(storage, "is_block", lambda domain: False)
    monkeypatch.setattr(preview, "Gate", Gate)
    monkeypatch.setattr(Gate, "asked", [])
    monkeypatch.setattr(Gate, "refuses", True)
    return domain


def create(*more, spm=True, **named):
    wrapped = preview.create_volume(vdsmvms.HSM.createVolume, "path")
    hsm = vdsmvms.HSM(spm)
    return wrapped(
        hsm, "sd", "sp", "img", 1, 4, 2, "DATA", "new", "", *more, **named
    )


def refused(*args, **kwargs):
    with pytest.raises(vdsmvms.createIllegalVolumeSnapshotError) as e:
        create(*args, **kwargs)
    assert (str(e.value), e.value.expected) == ("why", True)


def branching(domain, legal=True):
    domain.volumes = {
        "base": Volume(voltype="INTERNAL"),
        "leaf": Volume("base", legal=legal),
    }


@pytest.mark.parametrize("source", ["blank", "img"])
def test_preview(domain, source):
    branching(domain)
    refused(source, "base")
    refused(srcImgUUID=source, srcVolUUID="base", legal=False)
    assert Gate.asked == [("preview", "sd", "img")] * 2


def test_preview_on_a_domain_that_is_not_flagged(domain, monkeypatch):
    branching(domain)
    monkeypatch.setattr(Gate, "refuses", False)
    assert create("img", "base", legal=False) == {
        "created": "new",
        "legal": False,
    }
    assert len(Gate.asked) == 1


@pytest.mark.parametrize(
    "arguments", [(), ("blank", "blank"), ("img", "leaf"), ("other", "base")]
)
def test_what_does_not_branch(domain, arguments):
    """A new disk, a snapshot, a disk of a template."""
    branching(domain)
    assert create(*arguments)["created"] == "new"
    assert Gate.asked == []


def test_children_that_do_not_count(domain):
    """Left by a live merge; of another volume; of a shared volume."""
    branching(domain, legal=False)
    create("img", "base")
    branching(domain)
    domain.volumes["leaf"].parent = "other"
    create("img", "base")
    branching(domain)
    domain.volumes["base"].voltype = "SHARED"
    create("img", "base")
    assert Gate.asked == []


def test_structure_that_cannot_be_seen(domain):
    """The flag decides."""
    refused("img", "gone")
    branching(domain)


def test_children_on_a_block_domain(domain, monkeypatch):
    """By the tags of LVs in VDSM's cache; of the same image only."""
    lvs = {
        "in the image": ("IU_img", "PU_base"),
        "in another": ("IU_other", "PU_base"),
    }

    def by_tag(vg, tag):
        assert (vg, tag) == ("sd", "PU_base")
        return [
            types.SimpleNamespace(name=name, tags=tags)
            for name, tags in lvs.items()
        ]

    monkeypatch.setattr(storage, "is_block", lambda domain: True)
    vdsmvms.lvm().lvsByTag = by_tag
    found = preview._children(domain, "img", "base")
    assert found == ["in the image"]


@pytest.mark.parametrize("error", [OSError, RuntimeError, KeyError])
def test_children_that_cannot_be_seen(domain, error):
    branching(domain)

    def fails(pattern):
        raise error

    domain.oop.glob.glob = fails
    refused("img", "base")


def test_not_the_spm(domain):
    branching(domain)
    assert create("img", "base", spm=False)["created"] == "new"
    assert Gate.asked == []


def test_arguments_that_the_original_does_not_take():
    with pytest.raises(TypeError):
        create(no_such=1)


def test_attributes_are_kept(monkeypatch):
    """VDSM's dispatcher finds its verbs by what is on them."""
    original = vdsmvms.HSM.createVolume
    monkeypatch.setattr(original, "exported", True, raising=False)
    assert preview.create_volume(original, "path").exported

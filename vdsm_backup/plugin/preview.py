# SPDX-License-Identifier: GPL-2.0-or-later
"""
The preview of a snapshot, refused on a flagged domain.

It is one SPM verb, Volume.create with a parent, which also makes a cold
snapshot and copies a chain into a domain. They differ in structure: those
extend a leaf, a preview branches: its parent, in the same image, has a child
there already. A child that is not legal does not count: a live merge leaves
such a one.

Every refusal has the code of createIllegalVolumeSnapshotError (226): with a
code that is not in the engine's list for this verb (BrokerCommandBase) the
engine would stop the SPM and try the next host.
"""

import functools
import glob
import inspect
import logging
import os

from vdsm_backup.plugin import storage
from vdsm_backup.plugin.gate import Gate

log = logging.getLogger("vdsm_backup")

#: Of HSM.createVolume, by their names.
PARAMETERS = ("sdUUID", "spUUID", "imgUUID", "srcImgUUID", "srcVolUUID")


def create_volume(original, path):
    """
    Wraps HSM.createVolume.

    Must not break: it stays exported and synchronous; snapshots, copies,
    templates. Where the parent is a leaf the flag is not even read.
    """
    gate = Gate(path)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def judged(self, *args, **kwargs):
        call = signature.bind(self, *args, **kwargs)
        call.apply_defaults()
        given = {name: call.arguments[name] for name in PARAMETERS}
        if _is_spm(self, given["spUUID"]) and _may_branch(**given):
            _judge(gate, **given)
        return original(self, *args, **kwargs)

    return judged


def _judge(gate, sdUUID, spUUID, imgUUID, srcImgUUID, srcVolUUID):
    from vdsm.common.exception import VdsmException

    drive = {
        "device": "disk",
        "poolID": spUUID,
        "domainID": sdUUID,
        "imageID": imgUUID,
        "volumeID": srcVolUUID,
    }
    try:
        gate.judge("preview", "A VM", drives=[drive])
    except VdsmException as e:
        raise _snapshot_error(str(e)) from e


def _snapshot_error(text):
    from vdsm.storage import exception as se

    class PreviewRefused(se.createIllegalVolumeSnapshotError):
        expected = True

        def __str__(self):
            return text

    return PreviewRefused()


def _is_spm(hsm, spUUID):
    """If not, the original says so; it is a question for another host."""
    from vdsm.common.exception import GeneralException

    try:
        hsm.getPool(spUUID).validateSPM()
    except GeneralException:
        return False
    return True


def _may_branch(sdUUID, spUUID, imgUUID, srcImgUUID, srcVolUUID):
    """
    Does the new volume get a sibling in its image. If that cannot be seen it
    may: the flag decides.
    """
    from vdsm.storage import constants as sc
    from vdsm.storage.sdc import sdCache

    if srcVolUUID == sc.BLANK_UUID:
        return False
    if srcImgUUID not in (sc.BLANK_UUID, imgUUID):
        return False
    try:
        domain = sdCache.produce(sdUUID)
        if not domain.produceVolume(imgUUID, srcVolUUID).isInternal():
            return False
        return any(
            domain.produceVolume(imgUUID, child).isLegal()
            for child in _children(domain, imgUUID, srcVolUUID)
        )
    except Exception:
        # Whatever it is: an error from here would stop the SPM.
        log.warning(
            "Volume %s of domain %s", srcVolUUID, sdUUID, exc_info=True
        )
        return True


def _children(domain, imgUUID, volUUID):
    """
    Children of a volume in its image: of a block domain by the tags that LVM
    has in memory, of a file domain through its ioprocess.
    """
    from vdsm.storage import constants as sc
    from vdsm.storage import lvm

    if storage.is_block(domain):
        tag = f"{sc.TAG_PREFIX_IMAGE}{imgUUID}"
        lvs = lvm.lvsByTag(domain.sdUUID, f"{sc.TAG_PREFIX_PARENT}{volUUID}")
        return [lv.name for lv in lvs if tag in lv.tags]
    # Other names in the directory (.meta, .lease) begin with that of a volume.
    # VDSM names a mount as its server: an IPv6 address is in brackets.
    directory = glob.escape(domain.getImageDir(imgUUID))
    names = domain.oop.glob.glob(os.path.join(directory, "*.meta"))
    volumes = [os.path.basename(name)[: -len(".meta")] for name in names]
    if volUUID not in volumes:
        raise LookupError(f"volume {volUUID} is not in {directory}")
    return [
        volume
        for volume in volumes
        if domain.produceVolume(imgUUID, volume).getParent() == volUUID
    ]

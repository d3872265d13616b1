# SPDX-License-Identifier: GPL-2.0-or-later
"""
The preview of a snapshot, refused on a flagged domain.

The engine makes a preview by an SPM verb, Volume.create with a parent. The
same verb makes a cold snapshot, and copies a chain of volumes into a domain.
The structure tells them apart. A snapshot and a copy extend a leaf. A preview
branches: its parent, in the same image, has a child there already. A child
that is not legal does not count, since a live merge leaves such a child.

Every refusal has the code of createIllegalVolumeSnapshotError (226): with a
code that is not in the engine's list for this verb (BrokerCommandBase) the
engine would stop the SPM and try the next host.
"""

from __future__ import annotations

import functools
import glob
import inspect
import logging
import os
from typing import TYPE_CHECKING

from vdsm_backup.plugin import storage, vdsm_errors
from vdsm_backup.plugin.gatekeeper import Gate

if TYPE_CHECKING:
    from typing import Any

    from vdsm_backup.plugin.vdsm_types import Function, Hsm, StorageDomain

log = logging.getLogger("vdsm_backup")

#: The parameters of HSM.createVolume that we read, by their names.
PARAMETERS = ("sdUUID", "spUUID", "imgUUID", "srcImgUUID", "srcVolUUID")


def create_volume(original: Function, config_path: str | None) -> Function:
    """
    Wraps HSM.createVolume, which creates a volume in an image, with a parent
    or without one, in a task of the SPM.

    Adds a check where the new volume would branch. Where the parent is a leaf
    the flag is not even read. Must not break: the attributes of the function,
    by which VDSM exports it and runs it synchronously; snapshots, copies,
    templates.
    """
    gate = Gate(config_path)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def checking(self: Hsm, *args: Any, **kwargs: Any) -> Any:
        call = signature.bind(self, *args, **kwargs)
        call.apply_defaults()
        given = {name: call.arguments[name] for name in PARAMETERS}
        if _is_spm(self, given["spUUID"]) and _may_branch(**given):
            _require_allowed(gate, **given)
        return original(self, *args, **kwargs)

    return checking


def _require_allowed(
    gate: Gate,
    sdUUID: str,
    spUUID: str,
    imgUUID: str,
    srcImgUUID: str,
    srcVolUUID: str,
) -> None:
    from vdsm.common.exception import VdsmException
    from vdsm.storage import exception as se

    drive = {
        "device": "disk",
        "poolID": spUUID,
        "domainID": sdUUID,
        "imageID": imgUUID,
        "volumeID": srcVolUUID,
    }
    try:
        gate.require_allowed("preview", "A VM", drives=[drive])
    except VdsmException as e:
        known = se.createIllegalVolumeSnapshotError
        raise vdsm_errors.refusal(known, str(e)) from e


def _is_spm(hsm: Hsm, spUUID: str) -> bool:
    """
    Whether this host is the SPM of a pool. If it is not, the original says so,
    and the engine asks another host, which checks.
    """
    from vdsm.common.exception import GeneralException

    try:
        hsm.getPool(spUUID).validateSPM()
    except GeneralException:
        return False
    return True


def _may_branch(
    sdUUID: str,
    spUUID: str,
    imgUUID: str,
    srcImgUUID: str,
    srcVolUUID: str,
) -> bool:
    """
    Whether the new volume gets a sibling in its image. Where that cannot be
    seen it may get one, and so the flag decides.
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
        # Whatever it is: with most errors the engine would stop the SPM.
        log.warning(
            "Volume %s of domain %s", srcVolUUID, sdUUID, exc_info=True
        )
        return True


def _children(domain: StorageDomain, imgUUID: str, volUUID: str) -> list[str]:
    """
    UUIDs of the volumes in an image whose parent is this volume. On a block
    domain they are found by the LV tags in VDSM's LVM cache, on a file domain
    through its ioprocess.
    """
    from vdsm.storage import constants as sc
    from vdsm.storage import lvm

    if storage.is_block(domain):
        tag = f"{sc.TAG_PREFIX_IMAGE}{imgUUID}"
        lvs = lvm.lvsByTag(domain.sdUUID, f"{sc.TAG_PREFIX_PARENT}{volUUID}")
        return [lv.name for lv in lvs if tag in lv.tags]
    # Each volume has a file of its metadata beside it, UUID.meta. The names of
    # directories are escaped, since VDSM names the directory of a mount after
    # its server, and an IPv6 address is in brackets.
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

# SPDX-License-Identifier: GPL-2.0-or-later
"""
LUNs of domains that LVM does not take for PVs, since it has found something
else there: partitions, an md superblock, a signature. Neither VDSM nor LVM
tells then that there is, or was, a domain. The label of the PV tells it.

A host has many devices that LVM rejects: its own disks, and LUNs that are the
disks of VMs. Of these nothing is said. VDSM makes two metadata areas on each
PV (_initpvs() in lib/vdsm/storage/lvm.py), which nobody else does by default.
"""

from __future__ import annotations

import os
from collections import namedtuple

from vdsm_backup import errors
from vdsm_backup.processes import scripts
from vdsm_backup.text import is_uuid, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping

    from vdsm_backup.lvm.scan import Vg

_SCRIPT = "vdsm_backup.lvm.read_labels"

_AREAS = 2

# By what LVM says, the type that wipefs(8) has for what is beside the PV:
# report._NO_PV.
_TYPES = {
    "device is partitioned": "dos",
    "device is an md component": "linux_raid_member",
    "device has a signature": "LVM1_member",
}


class Rejected(namedtuple("Rejected", "device sd_id error")):
    """
    device: a path. sd_id: of the domain, None if it is not known. error: why
    nobody finds the domain there, or why we could not look.
    """

    __slots__ = ()
    device: str
    sd_id: str | None
    error: errors.Error


def domains(
    reasons: Mapping[str, str], vgs: Iterable[Vg], timeout: float
) -> tuple[list[Rejected], dict[str, str]]:
    """
    (those of the devices that are, or may be, LUNs of domains that are not
    among the VGs, sorted; {device: why LVM does not use it, for people} of
    those that VGs of domains miss). Empty if we are not root, who alone may
    look.

    reasons: {device: why LVM rejects it}. vgs: what LVM has found. timeout:
    seconds, for all.
    """
    found: list[Rejected] = []
    missed: dict[str, str] = {}
    if not reasons or os.getuid() != 0:
        return found, missed
    script = scripts.Script(_SCRIPT, *sorted(reasons), as_root=True)
    scripts.collect([script], timeout)
    labels = {x["device"]: x for x in script.lines if "device" in x}
    missing = {
        pv.uuid.replace("-", ""): vg
        for vg in vgs
        for pv in vg.pvs
        if pv.missing
    }
    for device, reason in sorted(reasons.items()):
        label = labels.get(device)
        if label is None:
            error = errors.StorageTimeout(device, timeout)
            found.append(Rejected(device, None, error))
            continue
        vg = missing.get(label.get("pv", ""))
        if vg is None:
            found += _of_label(device, reason, label)
        elif vg.is_domain:
            missed[device] = (
                f"LVM does not use it: {reason}; by its label it is a PV of"
                f" storage domain {printable(vg.name)}, which misses it: see"
                f" what is there beside the PV (LVM2_member): wipefs {device}"
            )
    return found, missed


def _of_label(
    device: str, reason: str, label: Mapping[str, Any]
) -> list[Rejected]:
    if "failed" in label:
        text = f"{device}: {reason}; it cannot be read: {label['failed']}"
        error = errors.LvmFailed("pvs", 0, printable(text))
        return [Rejected(device, None, error)]
    name = label["vg"]
    if not label["is_ours"] if name else label["areas"] != _AREAS:
        return []
    sd_id = name if name and is_uuid(name) else None
    problem = (
        f"LVM does not use {printable(device)}, which is a PV of it by its"
        f" label: {reason}"
    )
    title = printable(name) if name else f"on {printable(device)}"
    refused = errors.DomainRefused(title, problem)
    refused.way_out = [
        f"see what is there beside the PV (LVM2_member): wipefs {device}",
        "if that does not belong there, and no VM has this LUN: wipefs --all"
        f" --backup --types {_TYPES[reason]} {device}",
    ]
    return [Rejected(device, sd_id, refused)]

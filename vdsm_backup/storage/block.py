# SPDX-License-Identifier: GPL-2.0-or-later
"""
Metadata of a block domain: tags of the VG that is named as the domain.

Write: all changes are in one vgchange, which is one commit of the VG's
metadata: killed at any moment it leaves the old tags or the new ones. Two
vgchange at once can destroy the VG's metadata for good, and lvm's own locks
are of one host only: hence the SDM lease, which the lvm process keeps alive
by the file that it has as stdin.

Fence: a host that was frozen for longer than its lease lasts and is thawed
before its vgchange has read the VG changes nothing, if another host has
changed the metadata since: vgchange selects the VG by the seal that it is to
replace. One that is frozen between its reading and its writing is not fenced:
nothing in LVM can refuse it.

Tags that are not metadata (RHAT_storage_domain, a user's own) are left alone.
What is compared and changed are tags, not lines: a tag that another tool
encoded in its own way is deleted by its own name.
"""

import contextlib
import os
import re

from vdsm_backup import errors
from vdsm_backup.host import devices
from vdsm_backup.metadata import encoding, origin
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.base import LeasePaths, Storage
from vdsm_backup.text import printable

IDS = "ids"
LEASES = "leases"

_SEAL = re.compile("[0-9a-f]{40}")


class BlockStorage(Storage):
    """
    lvm: an Lvm over all devices meant.
    lv_dir: where the device of an LV is found, <lv_dir>/<VG>/<LV>. An LV is
    active if it is there. Another directory than /dev is for machines
    without device-mapper, on which LVs cannot be activated and other devices
    stand for them.
    scan: the lvm.Scan in which it was found, if there was one.
    activation: who activates the LVs of the lease (lvm/activation.py); whoever
    wants a lease sets it.
    """

    kind = "block"

    def __init__(self, sd_id, lvm, lv_dir="/dev", place=None, scan=None):
        super().__init__(sd_id, place or f"VG {sd_id}")
        self._lvm = lvm
        self._lv_dir = lv_dir
        self._scan = scan
        self._last = None
        self.activation = None

    def describe(self):
        return {
            "kind": self.kind,
            "sd_id": self.sd_id,
            "lv_dir": self._lv_dir,
            **self._lvm.describe(),
        }

    def read(self):
        """
        Raises DomainNotFound, AmbiguousDomain, VolumeGroupUnsafe,
        DamagedMetadata, LvmFailed, StorageTimeout.
        """
        return self._lines(self._look(self._lvm.find))

    def seen(self):
        return self._lines(self._seen_vg())

    def _look(self, at):
        """After one that fails nothing is known any more."""
        try:
            self._last = at(self.sd_id)
        except errors.Error:
            self._last = self._scan = None
            raise
        return self._last

    def _lines(self, vg):
        return sorted(encoding.decode_tags(vg.tags, self.sd_id))

    def _seen_vg(self):
        """The VG as it was at the last look."""
        if self._last:
            return self._last
        return (self._scan or self._lvm.scan()).pick(self.sd_id)

    def write(self, old, new, step):
        """
        Raises what read() does, MetadataChanged, InvalidTag; after "commit"
        WriteFailed if the old tags are still there, DamagedMetadata if
        neither the old nor the new are.
        """
        wanted = {encoding.encode_tag(line) for line in new}
        step("compare")
        vg = self._whole_vg()
        self._compare(vg, old)
        found = _metadata_tags(vg)
        added = wanted - found
        _require_length(added)
        if wanted == found:
            return
        step("commit")
        failure = self._commit(vg, added, found - wanted)
        step("confirm")
        # Narrow, as the write was: what other LUNs do does not matter now.
        now = self._lvm.only(vg.devices).vg(self.sd_id)
        if _metadata_tags(now) == wanted:
            return
        if _metadata_tags(now) == found:
            reason = str(failure or "vgchange changed nothing")
            raise errors.WriteFailed(self.sd_id, "commit", reason)
        if md_lines.is_whole(self._lines(now), self.sd_id):
            reason = "somebody else has changed it meanwhile"
            raise errors.OutcomeUnknown(self.sd_id, reason)
        problem = "the tags are neither those before the change nor the new"
        raise errors.DamagedMetadata(self.sd_id, problem)

    def _compare(self, vg, old):
        """None: the tags could not be decoded, and still cannot."""
        try:
            lines = encoding.decode_tags(vg.tags, self.sd_id)
        except errors.DamagedMetadata:
            if old is None:
                return
            raise
        if old is None or sorted(lines) != sorted(old):
            raise errors.MetadataChanged(self.sd_id)

    def _commit(self, vg, add, delete):
        """
        The error of a vgchange that has ended, or None: what is on storage
        then tells what it did. StorageTimeout goes on: it may still write.
        """
        try:
            self._lvm.change_tags(vg, add, delete, only_with=_seal(vg))
        except errors.LvmFailed as e:
            return e

    def _whole_vg(self):
        """For a change; raises what read() does."""
        vg = self._look(self._lvm.vg)
        if vg.hazard():
            raise errors.VolumeGroupUnsafe(self.sd_id, vg.hazard())
        return vg

    @contextlib.contextmanager
    def lease(self):
        """Raises what read() does, and what the activation does."""
        vg = self._whole_vg()
        paths = {name: self._lv_path(name) for name in (IDS, LEASES)}
        with self.activation.active(self._lvm, vg, paths):
            yield LeasePaths(paths[IDS], paths[LEASES])

    def _lv_path(self, name):
        return os.path.join(self._lv_dir, self.sd_id, name)

    def origin(self):
        pv = self._seen_vg().metadata_pv
        if pv is None:
            return ""
        return origin.block_origin(pv.uuid, devices.wwid(pv.name))

    def match_origin(self, stored):
        pvs = self._seen_vg().pvs
        wwids = {pv.uuid: devices.wwid(pv.name) for pv in pvs}
        return origin.match_block(stored, wwids)

    def backup(self, path):
        """Raises what read() does; LvmFailed."""
        self._lvm.cfgbackup(self._seen_vg(), path)
        return True

    def open_lvs(self):
        """Names of LVs that something on this host has open."""
        lvs = self._lvm.lvs(self._seen_vg())
        return [lv.name for lv in lvs if lv.open]


def _metadata_tags(vg):
    return {tag for tag in vg.tags if tag.startswith(encoding.TAG_PREFIX)}


def _seal(vg):
    """The tag that covers all other metadata, None if it is not plain."""
    prefix = encoding.TAG_PREFIX + md_lines.SEAL + "="
    seals = [tag for tag in vg.tags if tag.startswith(prefix)]
    plain = len(seals) == 1 and _SEAL.fullmatch(seals[0][len(prefix) :])
    return seals[0] if plain else None


def _require_length(tags):
    for tag in sorted(tags):
        if len(tag) > encoding.MAX_TAG:
            key = tag[len(encoding.TAG_PREFIX) :].partition("=")[0]
            raise errors.InvalidTag(printable(key), len(tag))

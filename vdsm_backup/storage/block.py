# SPDX-License-Identifier: GPL-2.0-or-later
"""
Metadata of a block domain: tags of the VG that is named as the domain.

Write: one vgchange makes all changes, in one commit of the VG's metadata. If
it is killed at any moment, the old tags or the new ones are there. Two
vgchange at once can destroy the VG's metadata for good, and lvm's own locks
hold on one host only. Hence the SDM lease: the lvm process keeps the lease
alive by the file that it has as stdin.

Fence: a host may be frozen for longer than its lease lasts, and another host
may change the metadata meanwhile. If the frozen host is thawed before its
vgchange has read the VG, it changes nothing, since vgchange selects the VG by
the checksum that it is to replace. A vgchange that is frozen between its
reading and its writing is not fenced: nothing in LVM can refuse it.

VDSM reads the tags and changes them by two commands, without a lease at times.
Where our change came between the two, some tags of both are there, and two
checksums. The error of write() then tells what was found, so that its caller
can make one whole set of both.

Tags that are not metadata (RHAT_storage_domain, a user's own) are left alone.
We compare and change tags, not lines: a tag that another tool has encoded in
its own way is deleted by its own name.
"""

from __future__ import annotations

import contextlib
import os
import re

from vdsm_backup import errors
from vdsm_backup.host import devices
from vdsm_backup.metadata import encoding, flag, origin
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.base import LeasePaths, Overlapped, Storage
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator

    from vdsm_backup.lvm.layout import Layout
    from vdsm_backup.lvm.scan import Scan, Vg
    from vdsm_backup.lvm.vgs import Lvm
    from vdsm_backup.storage.base import Activator

IDS = "ids"
LEASES = "leases"

_SEAL = re.compile("[0-9a-f]{40}")


class BlockStorage(Storage):
    """
    lvm: an Lvm limited to all configured devices.
    lv_dir: LVs have their devices at <lv_dir>/<VG>/<LV>. An LV is active if
        its device is there. Another directory than /dev is for machines
        without device-mapper: LVs cannot be activated there, and other
        devices stand for them.
    found_at: text for people. None: the name of the VG.
    scan: the Scan in which the domain was found, if there was one.
    given: the VG as read_to_change() of another process has found it, under
        the lease that we have.
    """

    kind = "block"

    def __init__(
        self,
        sd_id: str,
        lvm: Lvm,
        lv_dir: str = "/dev",
        found_at: str | None = None,
        scan: Scan | None = None,
        given: Vg | None = None,
    ) -> None:
        super().__init__(sd_id, found_at or f"VG {sd_id}")
        self._lvm = lvm
        self._lv_dir = lv_dir
        self._scan = scan
        self._given = given
        self._last_vg: Vg | None = None
        self._to_change: Vg | None = None

    def describe(self) -> dict[str, Any]:
        described = {
            "kind": self.kind,
            "sd_id": self.sd_id,
            "lv_dir": self._lv_dir,
            **self._lvm.describe(),
        }
        if self._to_change:
            described["vg"] = self._to_change.describe()
        return described

    def read(self) -> list[str]:
        """
        Raises DomainNotFound, AmbiguousDomain, VolumeGroupUnsafe,
        DamagedMetadata, LvmFailed, StorageTimeout.
        """
        return self._lines(self._scanned(self._lvm.find_to_read))

    def read_to_change(self) -> list[str]:
        """As read(), but raises StorageTimeout if any device hangs."""
        self._to_change = self._scanned(self._lvm.find_to_change)
        return self._lines(self._to_change)

    def last_scan(self) -> list[str]:
        return self._lines(self._scanned_vg())

    def _scanned(self, scan: Callable[[str], Vg]) -> Vg:
        """
        The VG from a new scan. If the scan fails, an older one is forgotten:
        nothing is known any more.
        """
        self._to_change = None
        try:
            self._last_vg = scan(self.sd_id)
        except errors.Error:
            self._last_vg = self._scan = None
            raise
        return self._last_vg

    def _lines(self, vg: Vg) -> list[str]:
        return sorted(encoding.decode_tags(vg.tags, self.sd_id))

    def _scanned_vg(self) -> Vg:
        """The VG from the last scan, or from a new one if there was none."""
        if self._last_vg:
            return self._last_vg
        return (self._scan or self._lvm.scan()).pick(self.sd_id)

    def write(
        self,
        old: list[str] | None,
        new: list[str],
        step: Callable[[str], None],
    ) -> None:
        """
        Raises what read() does, MetadataChanged, InvalidTag. After "commit"
        it raises WriteFailed if the old tags are still there, with the step
        "compare" or "lock" if vgchange has not even read the VG;
        OutcomeUnknown if another whole set of tags is there; DamagedMetadata
        if the tags are not whole; StorageTimeout if vgchange may still write.
        """
        wanted = {encoding.encode_tag(line) for line in new}
        step("compare")
        vg = self._given_vg(old) or self._whole_vg()
        self._compare(vg, old)
        found = _metadata_tags(vg)
        added = wanted - found
        _require_length(added)
        if wanted == found:
            return
        step("commit")
        if not _seals(vg):
            # Nothing else tells vgchange which tags are to be replaced.
            self._compare_once_more(old)
        failure = self._commit(vg, added, found - wanted)
        step("confirm")
        # Limited to the VG's own devices, as the write was: whether other
        # LUNs answer does not matter now.
        now = self._lvm.only(vg.devices).find_to_change(self.sd_id)
        if _metadata_tags(now) == wanted:
            return
        if _metadata_tags(now) == found:
            reason = str(failure or "vgchange changed nothing")
            raise errors.WriteFailed(self.sd_id, "commit", reason)
        lines = self._lines(now)
        if md_lines.is_whole(lines, self.sd_id):
            reason = "somebody else has changed it meanwhile"
            error: errors.Error = errors.OutcomeUnknown(self.sd_id, reason)
        else:
            problem = "the tags are neither those before the change nor new"
            error = errors.DamagedMetadata(self.sd_id, problem)
        raise error from Overlapped(lines)

    def _compare_once_more(self, old: list[str] | None) -> None:
        """
        Raises MetadataChanged; WriteFailed if the tags cannot be read:
        nothing was written so far.
        """
        try:
            self._compare(self._lvm.find_to_change(self.sd_id), old)
        except errors.MetadataChanged:
            raise
        except errors.Error as e:
            raise errors.WriteFailed(self.sd_id, "compare", str(e))

    def _compare(self, vg: Vg, old: list[str] | None) -> None:
        """
        Raises MetadataChanged if the VG does not have these lines. None: its
        tags could not be decoded before, and still cannot.
        """
        try:
            lines = encoding.decode_tags(vg.tags, self.sd_id)
        except errors.DamagedMetadata:
            if old is None:
                return
            raise
        if old is None or sorted(lines) != sorted(old):
            raise errors.MetadataChanged(self.sd_id)

    def _commit(
        self, vg: Vg, add: set[str], delete: set[str]
    ) -> errors.LvmFailed | None:
        """
        The error of a vgchange that has ended, or None. Either way only the
        storage tells what vgchange did.

        Raises StorageTimeout if it has not ended, and may still write.
        """
        try:
            self._lvm.change_tags(vg, add, delete, only_with=_seals(vg))
        except errors.LvmFailed as e:
            return e
        return None

    def _given_vg(self, old: list[str] | None) -> Vg | None:
        """
        The VG as it was given, if it has these lines. If somebody has changed
        it since, vgchange changes nothing: the checksum that it is to replace
        tells that. Without a checksum, write() reads the VG in any case.

        Raises VolumeGroupUnsafe.
        """
        vg = self._given
        if vg is None or old is None:
            return None
        try:
            same = self._lines(vg) == sorted(old)
        except errors.DamagedMetadata:
            return None
        return self._safe(vg) if same else None

    def _whole_vg(self) -> Vg:
        """The VG, fit to be changed. Raises what read() does."""
        return self._safe(self._scanned(self._lvm.find_to_change))

    def _safe(self, vg: Vg) -> Vg:
        """Raises VolumeGroupUnsafe."""
        # Who only reads does not need it.
        from vdsm_backup.storage import unsafe

        error = unsafe.hazard(vg, self.sd_id)
        if error:
            raise error
        return vg

    @contextlib.contextmanager
    def lease_paths(
        self, activator: Activator | None = None
    ) -> Iterator[LeasePaths]:
        """Raises what read() does, and what the activator raises."""
        if activator is None:
            raise ValueError("the LVs of a lease need an activator")
        if self._scan and self._scan.is_complete and not self._last_vg:
            # It is as good as another one: whoever changes the VG reads it
            # again, under the lease.
            vg = self._safe(self._scan.pick(self.sd_id))
        else:
            vg = self._whole_vg()
        paths = {name: self._lv_path(name) for name in (IDS, LEASES)}
        with activator.active(self._lvm, vg, paths):
            yield LeasePaths(paths[IDS], paths[LEASES])

    def _lv_path(self, name: str) -> str:
        return os.path.join(self._lv_dir, self.sd_id, name)

    def origin(self) -> str:
        pv = self._scanned_vg().metadata_pv
        if pv is None:
            return ""
        return origin.block_origin(pv.uuid, devices.wwid(pv.name))

    def match_origin(self, stored: str) -> str:
        pvs = self._scanned_vg().pvs
        wwids = {pv.uuid: devices.wwid(pv.name) for pv in pvs}
        return origin.match_block(stored, wwids)

    def save_extra(self, path: str) -> bool:
        """
        Save LVM's own backup of the VG's metadata.

        Raises what read() does, and LvmFailed.
        """
        self._lvm.cfgbackup(self._scanned_vg(), path)
        return True

    def open_lvs(self) -> list[str]:
        """
        Names of the LVs that something on this host has open.

        Raises what read() does.
        """
        lvs = self._lvm.lvs(self._scanned_vg())
        return [lv.name for lv in lvs if lv.open]

    def last_vg(self) -> Vg:
        """The VG by the last scan. Raises what read() does."""
        return self._scanned_vg()

    def unwritable(self) -> errors.ChangeWouldFail | None:
        # LVM writes the metadata of the VG on these PVs, and on no others.
        for pv in self._scanned_vg().pvs:
            if pv.has_metadata and devices.is_read_only(pv.name):
                from vdsm_backup.storage import unsafe

                return unsafe.read_only(pv.name, self.sd_id)
        return None

    def hazard(self) -> errors.VolumeGroupUnsafe | None:
        vg = self._last_vg
        if vg is None and self._scan is not None:
            vg = self._scan.pick(self.sd_id)
        if vg is None or not vg.hazard():
            return None
        from vdsm_backup.storage import unsafe

        return unsafe.hazard(vg, self.sd_id)

    def layout(self) -> Layout:
        """
        How the VG is laid out now, also of one that is not safe to change:
        lvm refuses some of them.

        Raises what read() does, and LvmFailed.
        """
        return self._lvm.layout(self._scanned_vg())


def _metadata_tags(vg: Vg) -> set[str]:
    return {tag for tag in vg.tags if tag.startswith(encoding.TAG_PREFIX)}


def _seals(vg: Vg) -> list[str]:
    """
    The tags of the checksum: one, or two after an overlap with VDSM. Empty
    if the value of one is no checksum: it could not be given to lvm as it is.
    """
    prefix = encoding.TAG_PREFIX + md_lines.SEAL + "="
    seals = sorted(tag for tag in vg.tags if tag.startswith(prefix))
    plain = all(_SEAL.fullmatch(tag[len(prefix) :]) for tag in seals)
    return seals if plain else []


def _require_length(tags: Iterable[str]) -> None:
    """
    Require that the tags of our own keys are not too long. What VDSM has
    written, such as POOL_DOMAINS of a pool of many domains, may be longer, and
    restoring a copy has to write it again: LVM decides on these.

    Raises InvalidTag.
    """
    for tag in sorted(tags):
        key = tag[len(encoding.TAG_PREFIX) :].partition("=")[0]
        if key in flag.KEYS and len(tag) > encoding.MAX_TAG:
            raise errors.InvalidTag(printable(key), len(tag))

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The metadata of a domain as a Reader, by VDSM's own I/O: its ioprocess of the
domain, its LVM cache and commands. No second LVM or ioprocess inside VDSM.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.change.world import Unsettled
from vdsm_backup.host import devices, mounts
from vdsm_backup.metadata import domain as md_domain
from vdsm_backup.metadata import encoding, flag, origin
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.plugin import metadata, vdsm_errors
from vdsm_backup.storage.base import Reader
from vdsm_backup.text import os_reason, printable

if TYPE_CHECKING:
    from typing import Any, Mapping

    from vdsm_backup.plugin.vdsm_types import (
        LvmObject,
        PersistentDict,
        StorageDomain,
    )


# What a write must find as it was: which domain it is, whether it can have a
# flag, whose it is, and the flag. All else may change at the same moment, its
# name say: the transaction has what is on storage, and keeps it.
_MATTERS = (*flag.KEYS, *metadata.IDENTITY, "CLASS", md_domain.POOL)


# STORAGE_DOMAIN_TAG of VDSM: in blockSD or in constants, by its version.
_DOMAIN_TAG = "RHAT_storage_domain"


def open_domain(sd_id: str) -> VdsmStorage:
    """
    The VdsmStorage of a domain that VDSM knows or finds.

    Raises DomainNotFound. VDSM validates a domain that it did not know, and
    what it raises then is raised here, too.
    """
    from vdsm.storage import exception as se
    from vdsm.storage.sdc import sdCache

    try:
        domain = sdCache.produce(sd_id)
    except se.StorageDomainDoesNotExist:
        raise errors.DomainNotFound(sd_id)
    if is_block(domain):
        return VdsmBlockStorage(domain)
    return VdsmFileStorage(domain)


def is_foreign_vg(sd_id: str) -> bool:
    """
    Whether LVM finds a VG of this name, and it has no tag of VDSM: then it is
    no broken domain, but none.
    """
    from vdsm.storage import lvm

    ours = (_DOMAIN_TAG, encoding.TAG_PREFIX)
    found = lvm.getVGs([sd_id])
    tags = [tag for vg in found for tag in vg.tags]
    return bool(found) and not any(tag.startswith(ours) for tag in tags)


def is_block(domain: StorageDomain) -> bool:
    """Whether the metadata of a domain is in the tags of a VG."""
    return hasattr(dictionary(domain)._metaRW, "_vgName")


def dictionary(domain: StorageDomain) -> PersistentDict:
    """
    VDSM's live PersistentDict of a domain. Do not keep it: on block domains
    VDSM makes a new one when it takes the cluster lock.
    """
    return domain._metadata._dict


def _matters(values: Mapping[str, str]) -> dict[str, str]:
    return {key: values[key] for key in _MATTERS if key in values}


class VdsmStorage(Reader):
    """domain: as sdCache.produce() returns it."""

    def __init__(self, domain: StorageDomain) -> None:
        super().__init__(domain.sdUUID, domain.domaindir)
        self.domain = domain

    def write(self, old: list[str] | None, new: list[str]) -> list[str]:
        """
        As change.world.Lease.write(): replace the flag in one transaction of
        VDSM, which starts from storage.

        Raises MetadataChanged, WriteFailed; Unsettled where the write may have
        been made, or may still be.
        """
        import ioprocess
        from vdsm.common.exception import GeneralException

        if old is None:
            # Only a restore has no old lines, and VDSM restores nothing.
            raise ValueError("VDSM writes over metadata that it can read")
        wanted = md_lines.parse(new).values
        flushing = False
        try:
            md = dictionary(self.domain)
            with md.transaction():
                before = md.copy()
                if _matters(before) != _matters(md_lines.parse(old).values):
                    raise errors.MetadataChanged(self.sd_id)
                for key in flag.KEYS:
                    if key in wanted:
                        md[key] = wanted[key]
                    elif key in md:
                        del md[key]
                old, new = (md_lines.flush(v) for v in (before, md.copy()))
                self._require_readable(new)
                flushing = True
        except errors.Error:
            raise
        except (OSError, RuntimeError, GeneralException) as e:
            text = os_reason(e) or type(e).__name__
            if not flushing:
                raise errors.WriteFailed(self.sd_id, "reading", text) from e
            # We no longer wait for ioprocess, but it may still write.
            ended = not isinstance(e, (ioprocess.Timeout, ioprocess.Closed))
            ended = ended and self._prevent_late(e)
            raise Unsettled(text, ended, lines=(old, new)) from e
        self._require_written(old, new)
        return new

    def _require_readable(self, new: list[str]) -> None:
        """Raises WriteFailed if these lines could not be read again."""

    def _prevent_late(self, error: Exception) -> bool:
        """
        Whether the storage will not carry out later what failed with this
        error.
        """
        return True

    def _require_written(self, old: list[str], new: list[str]) -> None:
        """
        Raises Unsettled if VDSM's transaction came to its end and the flag on
        storage is another one.
        """
        lines = old, new
        wanted = md_lines.parse(new).values
        try:
            found = md_lines.parse(self.read()).values
        except errors.Error as e:
            cause = f"reading it back failed: {e}"
            raise Unsettled(cause, ended=True, lines=lines) from e
        if any(found.get(key) != wanted.get(key) for key in flag.KEYS):
            cause = "VDSM's write came to its end, and it is not there"
            raise Unsettled(cause, ended=True, lines=lines)

    def _unreadable(self, text: str) -> errors.Error:
        return errors.MetadataUnreadable(self.sd_id, printable(text))


class VdsmFileStorage(VdsmStorage):
    """A domain whose metadata is in a file."""

    kind = "file"

    def _require_readable(self, new: list[str]) -> None:
        too_long = encoding.too_long(new)
        if too_long:
            raise errors.WriteFailed(self.sd_id, "encode", too_long)

    def _prevent_late(self, error: Exception) -> bool:
        """
        A server may carry a rename out later, though the client was told an
        error. Without VDSM's own new file it cannot. That file is not removed
        where it may be all that is left.
        """
        if not isinstance(error, OSError):
            return True
        rw = dictionary(self.domain)._metaRW
        try:
            # Another thread of VDSM may be about to use a file of that name.
            with metadata.lock_of(self.sd_id):
                if not metadata.fresh_lines(rw):
                    return False
                rw._oop.os.unlink(f"{rw._metafile}.new")
        except OSError as e:
            return e.errno == errno.ENOENT
        except Exception:
            return False
        return True

    def read(self) -> list[str]:
        rw = dictionary(self.domain)._metaRW
        deadline = time.monotonic() + metadata.RETRY_FOR
        while True:
            with vdsm_errors.as_ours(self._unreadable):
                try:
                    lines = metadata.fresh_lines(rw)
                except UnicodeDecodeError as e:
                    reason = f"it is not UTF-8 text at byte {e.start}"
                    raise errors.NotMetadata(self.sd_id, reason)
            # No lines: the file is away, and may come back. What stays empty
            # is no metadata.
            if lines or time.monotonic() >= deadline:
                return lines
            time.sleep(metadata.RETRY_EVERY)

    def origin(self) -> str:
        ids = os.path.join(self.domain.domaindir, "dom_md", "ids")
        with vdsm_errors.as_ours(self._unreadable):
            inode = self.domain.oop.os.stat(ids).st_ino
        fs_type, at = mounts.where(self.domain.domaindir)
        return origin.file_origin(fs_type, inode, at)

    def match_origin(self, stored: str) -> str:
        return origin.match_file(stored, self.origin())


class VdsmBlockStorage(VdsmStorage):
    """A domain whose metadata is in the tags of its VG."""

    kind = "block"

    def read(self) -> list[str]:
        from vdsm.storage import lvm

        with vdsm_errors.as_ours(self._unreadable):
            # getVGs() always asks LVM, and keeps what VDSM knows of the LVs.
            # invalidateVG() and then getVG() could give an answer that
            # somebody else has asked LVM for before this call.
            #
            # VDSM limits LVM to the devices by which it knows the VG, here and
            # when it activates LVs, and asks all devices only if that fails.
            # So beside a replica of a domain we read the one of the two that a
            # VM would run from.
            found = lvm.getVGs([self.sd_id])
        if not found:
            raise self._unreadable("LVM does not find its VG")
        return encoding.decode_tags(self._known(found[0], "tags"), self.sd_id)

    def origin(self) -> str:
        from vdsm.storage import lvm

        with vdsm_errors.as_ours(self._unreadable):
            name = lvm.getVgMetadataPv(self.sd_id)
            uuid = self._known(lvm.getPV(name), "uuid")
        return origin.block_origin(uuid, devices.wwid(name))

    def match_origin(self, stored: str) -> str:
        from vdsm.storage import lvm

        with vdsm_errors.as_ours(self._unreadable):
            names = self._known(lvm.getVG(self.sd_id), "pv_name")
            wwids = {
                self._known(lvm.getPV(name), "uuid"): devices.wwid(name)
                for name in names
            }
        return origin.match_block(stored, wwids)

    def _known(self, item: LvmObject, attribute: str) -> Any:
        """
        An attribute of a VG or PV. VDSM's cache gives an object without
        attributes where LVM has failed. Raises MetadataUnreadable.
        """
        try:
            return getattr(item, attribute)
        except AttributeError as e:
            raise self._unreadable(str(e))

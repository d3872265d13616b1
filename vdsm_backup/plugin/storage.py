# SPDX-License-Identifier: GPL-2.0-or-later
"""
The metadata of a domain as a Storage, by VDSM's own I/O: its ioprocess of the
domain, its LVM cache and commands. No second LVM or ioprocess inside VDSM.
"""

import os
import time

from vdsm_backup import errors
from vdsm_backup.change.world import Unsettled
from vdsm_backup.host import devices, mounts
from vdsm_backup.metadata import encoding, flag, origin
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.plugin import metadata, vdsm_errors
from vdsm_backup.storage.base import Reader
from vdsm_backup.text import printable


def open_domain(sd_id):
    """
    The VdsmStorage of a domain that VDSM knows or finds.

    Raises DomainNotFound, or what VDSM raises when it looks at a domain for
    the first time.
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


def is_block(domain):
    # Whose metadata is in a VG.
    return hasattr(dictionary(domain)._metaRW, "_vgName")


def dictionary(domain):
    """
    VDSM's live PersistentDict of a domain. Taking the cluster lock makes a
    new one on block domains, so it is never kept.
    """
    return domain._metadata._dict


class VdsmStorage(Reader):
    """domain: what sdCache.produce() gives."""

    def __init__(self, domain):
        super().__init__(domain.sdUUID, domain.domaindir)
        self.domain = domain

    def write(self, old, new):
        """
        As change.world.Lease.write(): one transaction of VDSM, which starts
        from storage.
        """
        import ioprocess
        from vdsm.common.exception import GeneralException

        wanted = md_lines.parse(new).values
        flushing = False
        try:
            md = dictionary(self.domain)
            with md.transaction():
                if md.copy() != md_lines.parse(old).values:
                    raise errors.MetadataChanged(self.sd_id)
                for key in flag.KEYS:
                    if key in wanted:
                        md[key] = wanted[key]
                    elif key in md:
                        del md[key]
                flushing = True
        except errors.Error:
            raise
        except (OSError, RuntimeError, GeneralException) as e:
            text = str(e) or type(e).__name__
            if not flushing:
                raise errors.WriteFailed(self.sd_id, "reading", text) from e
            # ioprocess gives up waiting, its thread may still be at it.
            ended = not isinstance(e, (ioprocess.Timeout, ioprocess.Closed))
            raise Unsettled(text, ended) from e

    def _unreadable(self, text):
        return errors.MetadataUnreadable(self.sd_id, printable(text))


class VdsmFileStorage(VdsmStorage):
    kind = "file"

    def read(self):
        rw = dictionary(self.domain)._metaRW
        deadline = time.monotonic() + metadata.RETRY_FOR
        while True:
            with vdsm_errors.as_ours(self._unreadable):
                try:
                    lines = metadata.fresh_lines(rw)
                except UnicodeDecodeError as e:
                    reason = f"it is not UTF-8 text at byte {e.start}"
                    raise errors.NotMetadata(self.sd_id, reason)
            # None: it may come back. What stays empty is no metadata.
            if lines or time.monotonic() >= deadline:
                return lines
            time.sleep(metadata.RETRY_EVERY)

    def origin(self):
        ids = os.path.join(self.domain.domaindir, "dom_md", "ids")
        with vdsm_errors.as_ours(self._unreadable):
            inode = self.domain.oop.os.stat(ids).st_ino
        fs_type, at = mounts.where(self.domain.domaindir)
        return origin.file_origin(fs_type, inode, at)

    def match_origin(self, stored):
        return origin.match_file(stored, self.origin())


class VdsmBlockStorage(VdsmStorage):
    kind = "block"

    def read(self):
        from vdsm.storage import lvm

        with vdsm_errors.as_ours(self._unreadable):
            # Always asks LVM, and leaves what VDSM knows of the LVs alone. To
            # invalidate the VG and then get it may give what somebody had
            # asked LVM for before. VDSM limits LVM to the devices by which it
            # knows the VG, here and when it activates LVs, and asks all only
            # if that fails: beside a replica what is read is what a VM would
            # run from.
            found = lvm.getVGs([self.sd_id])
        if not found:
            raise self._unreadable("LVM does not find its VG")
        return encoding.decode_tags(self._known(found[0], "tags"), self.sd_id)

    def origin(self):
        from vdsm.storage import lvm

        with vdsm_errors.as_ours(self._unreadable):
            name = lvm.getVgMetadataPv(self.sd_id)
            uuid = self._known(lvm.getPV(name), "uuid")
        return origin.block_origin(uuid, devices.wwid(name))

    def match_origin(self, stored):
        from vdsm.storage import lvm

        with vdsm_errors.as_ours(self._unreadable):
            names = self._known(lvm.getVG(self.sd_id), "pv_name")
            wwids = {
                self._known(lvm.getPV(name), "uuid"): devices.wwid(name)
                for name in names
            }
        return origin.match_block(stored, wwids)

    def _known(self, item, attribute):
        """VDSM's cache gives an object without attributes if LVM failed."""
        try:
            return getattr(item, attribute)
        except AttributeError as e:
            raise self._unreadable(str(e))

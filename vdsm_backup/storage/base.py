# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where the metadata of a storage domain lives, behind one small interface.

The layers above know a domain only as a Storage, that of file.py or block.py.
"""

import abc
from dataclasses import dataclass


@dataclass(frozen=True)
class LeasePaths:
    """What sanlock opens: the lockspace and the resources of a domain."""

    ids: str
    leases: str


class Storage(abc.ABC):
    """
    The metadata of one storage domain.

    sd_id: UUID of the domain.
    kind: "file" or "block".
    place: where it was found, for people.
    io_user: the user that must open the domain's files, or None for root.

    Methods raise classes of vdsm_backup.errors only. What is asked about the
    storage itself - origin, match_origin, backup - may be answered by the
    last look, as seen(): read() first where that matters.
    """

    kind: str
    io_user = None

    def __init__(self, sd_id, place):
        self.sd_id = sd_id
        self.place = place

    @abc.abstractmethod
    def read(self):
        """Lines on storage now, never from a cache."""

    def seen(self):
        """
        Lines as they were at the last look, which may be that of whoever
        found the domain; read() if that was no look at the metadata. For what
        is said of many domains: a look at LVM is one at all LUNs.

        Raises what read() does.
        """
        return self.read()

    @abc.abstractmethod
    def write(self, old, new, step):
        """
        Replace the lines `old` by `new` in one step that others see.

        Only the writer process calls it, under the SDM lease. `step` is
        called before each step, and may raise to stop: with "commit" before
        the one that changes what others read, and "confirm" after it. What
        is raised before "commit" means that we have not changed anything, and
        so do MetadataChanged, and WriteFailed of other steps, at any time.
        """

    @abc.abstractmethod
    def lease(self):
        """Context manager giving LeasePaths that sanlock can open."""

    @abc.abstractmethod
    def origin(self):
        """What identifies this storage, for BACKUP_ORIGIN."""

    @abc.abstractmethod
    def match_origin(self, stored):
        """How this storage relates to a stored origin: see origin.py."""

    @abc.abstractmethod
    def backup(self, path):
        """
        Keep more than the lines in a file of this host, if there is more.
        Returns whether it did.
        """

    @abc.abstractmethod
    def describe(self):
        """What the writer process needs to make it again; JSON."""

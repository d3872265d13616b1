# SPDX-License-Identifier: GPL-2.0-or-later
"""
What can be done with the metadata of one storage domain.

Three interfaces, each with all that the one before it has:

- A Reader reads. The story of a change (change/change.py) needs no more.
  Inside VDSM there is no more: VDSM writes by a transaction of its own.
- A Writer also writes. The writer process needs one.
- A Storage can also be leased by sanlock, and described to another process.

file.py and block.py have a Storage each. The layers above know no more of a
domain than these interfaces.

Methods raise classes of vdsm_backup.errors only.
"""

from __future__ import annotations

import abc
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any, Callable, Mapping, Protocol, Sequence

    from vdsm_backup import errors
    from vdsm_backup.lvm.scan import Vg
    from vdsm_backup.lvm.vgs import Lvm

    class Options(Protocol):
        """
        The configuration, as far as finding and reading domains needs it: see
        config.py.
        """

        repo_root: str
        lv_dir: str
        ioprocess: str
        io_timeout: float
        lvm_devices: list[str]

        @property
        def uid(self) -> int: ...

        @property
        def gid(self) -> int: ...

        @property
        def needs_root(self) -> errors.NeedsRoot | None: ...

        def invalid(
            self, section: str, option: str, problem: str
        ) -> errors.ConfigInvalid: ...

    class Activator(Protocol):
        """What keeps LVs active during a lease: lvm/activation.py."""

        def active(
            self, lvm: Lvm, vg: Vg, paths: Mapping[str, str]
        ) -> AbstractContextManager[None]: ...


class Overlapped(Exception):
    """
    The cause of an error of Writer.write() where somebody else has written at
    the same time, and what is on storage is known. With it a caller that
    still has the lease can merge both: change/merge.py.

    found: the lines on storage, after the write.
    replaced: the lines that the write replaced in fact; None: not known.
    """

    def __init__(
        self, found: list[str], replaced: list[str] | None = None
    ) -> None:
        super().__init__()
        self.found = found
        self.replaced = replaced


class LeasePaths(namedtuple("LeasePaths", "ids leases")):
    """
    What sanlock opens. ids: the path of the lockspace. leases: the path of
    the domain's resources.
    """

    __slots__ = ()
    ids: str
    leases: str


class Reader(abc.ABC):
    """
    Reads the metadata of one storage domain.

    sd_id: UUID of the domain.
    kind: "file" or "block".
    found_at: the domain's directory or VG, as text for people.
    """

    kind: str

    def __init__(self, sd_id: str, found_at: str) -> None:
        self.sd_id = sd_id
        self.found_at = found_at

    @abc.abstractmethod
    def read(self) -> list[str]:
        """The lines on storage now, never from a cache."""

    def read_to_change(self) -> list[str]:
        """
        As read(), under the lease, right before a write. What was found is
        given to the writer, which looks no second time where the write itself
        finds out that somebody has been there meanwhile.
        """
        return self.read()

    def last_scan(self) -> list[str]:
        """
        The lines from the last scan, without reading again. Falls back to
        read(), and raises what read() does.

        One scan of LVM reads all LUNs, and one read() of a block domain is
        such a scan. So this is for commands that show many domains, and for
        what is read again under the lease.
        """
        return self.read()

    @abc.abstractmethod
    def origin(self) -> str:
        """
        What identifies this storage, as the value of BACKUP_ORIGIN. It may
        come from the last scan: call read() first where that matters. The
        same holds for match_origin() and save_extra().
        """

    @abc.abstractmethod
    def match_origin(self, stored: str) -> str:
        """
        How this storage is related to a stored origin: a constant of
        metadata/origin.py.
        """

    def save_extra(self, path: str) -> bool:
        """
        Save in a file of this host what the storage has beside the lines.
        Returns False, and makes no file, if it has no more.
        """
        return False

    def unwritable(self) -> errors.ChangeWouldFail | None:
        """
        Why a change would fail, before one is tried: by the last scan, and
        without touching storage. None: nothing is known of that.

        Raises what last_scan() does.
        """
        return None

    def hazard(self) -> errors.VolumeGroupUnsafe | None:
        """
        Why it cannot be changed though it was read, by the last scan: what is
        wrong with all that the lines are in. None: nothing is known of that.
        """
        return None


class Writer(Reader):
    """Writes the metadata, too."""

    @abc.abstractmethod
    def write(
        self,
        old: list[str] | None,
        new: list[str],
        step: Callable[[str], None],
    ) -> None:
        """
        Replace the lines `old` by `new`, in one step for those who read.

        Only the writer process calls this, under the SDM lease.

        old: None if no lines can be had from what is there now.
        step: called with the name of each step before the step is done. It
            may raise to stop the write. "commit" comes before the step that
            changes what others read, and "confirm" after it.

        An error before "commit" means that nothing was changed. So do
        MetadataChanged, and WriteFailed of another step than "commit" and
        "confirm", at any time. The cause of another error is Overlapped if
        somebody else wrote at the same time.
        """


class Storage(Writer):
    """
    A domain that our own processes open.

    io_user: (uid, gid) of the user that must open the domain's files, None
        for root.
    device: one by which a block domain can be found alone, if it is known.
    twins: other places where the domain was found, of which only the lease can
        tell whether they are this storage. A change needs that.
    """

    io_user: tuple[int, int] | None = None
    device: str = ""
    twins: Sequence[Storage] = ()

    @abc.abstractmethod
    def lease_paths(
        self, activator: Activator | None = None
    ) -> AbstractContextManager[LeasePaths]:
        """
        Paths that sanlock can open as long as the context lasts.

        activator: keeps the LVs of a block domain active for that long. File
            domains need none.
        """

    def is_same(self, other: Storage) -> bool | None:
        """
        Whether another Storage of this UUID is the same storage, seen in
        another place, and no copy of it. None if that cannot be told.

        Raises what read() does.
        """
        return False

    @abc.abstractmethod
    def describe(self) -> dict[str, Any]:
        """What locate.from_description() makes a Writer of. It is JSON."""

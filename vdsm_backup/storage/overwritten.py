# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a rename over the metadata file of a file domain has replaced.

VDSM writes at times without a lease: its lines into dom_md/metadata.new, and
then a rename. If that rename comes between our last reading of `metadata` and
our own rename, we overwrite it. Two second names, hard links that are made
right before our rename, tell of that:

- One of VDSM's `metadata.new`, if there is such a file. It is VDSM's now. If
  `metadata.new` is another file after our rename, or none, VDSM has made its
  own rename meanwhile, and the second name has the lines.
- One of `metadata`. It has the lines that were there at that time.

So VDSM's lines are lost only if VDSM makes its file and renames it, too,
between our first link and our rename. These are three calls in a row.

The second names look like files of a writer: another writer takes them away
(other_writers.py). Where the file system has no hard links, or the kernel
forbids one of a file that is another user's (fs.protected_hardlinks), nothing
is told.
"""

from __future__ import annotations

import contextlib
import os

from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.storage.file import METADATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from vdsm_backup.fileio.base import FileIO
    from vdsm_backup.storage.file import FileStorage

# FileMetadataRW.writelines() in lib/vdsm/storage/fileSD.py.
VDSMS_FILE = f"{METADATA}.new"


class Overwritten:
    """
    What one rename has replaced.

    io: the FileIO of the domain's mount.
    new_path: gives paths for second names, a new one each time.
    """

    def __init__(
        self,
        storage: FileStorage,
        io: FileIO,
        new_path: Callable[[], str],
    ) -> None:
        self._storage = storage
        self._io = io
        self._new_path = new_path
        self._metadata = os.path.join(storage.dom_md, METADATA)
        self._vdsms_file = os.path.join(storage.dom_md, VDSMS_FILE)
        self._names: dict[str, str] = {}

    def link(self) -> None:
        """
        Make the second names: call this right before the rename. Raises
        WriteFailed if the storage does not answer.
        """
        for path in (self._vdsms_file, self._metadata):
            name = self._new_path()
            try:
                self._io.link(path, name)
            except OSError:
                continue
            except (fileio.Timeout, fileio.Closed) as e:
                sd_id = self._storage.sd_id
                raise errors.WriteFailed(sd_id, "link", str(e))
            self._names[path] = name

    def lines(self, old: list[str] | None) -> list[str] | None:
        """
        The lines that the rename has replaced, as far as that is known: `old`
        if nothing tells otherwise. None: nothing is known.
        """
        replaced = self._read(self._metadata)
        if replaced != old or not self._vdsm_has_renamed():
            return replaced
        return self._read(self._vdsms_file) or replaced

    def unlink(self) -> None:
        """
        Remove the second names. If that fails it harms nobody, and the next
        write tries again.
        """
        for name in self._names.values():
            with contextlib.suppress(OSError, fileio.Timeout, fileio.Closed):
                self._io.unlink(name)
        self._names.clear()

    def _vdsm_has_renamed(self) -> bool:
        name = self._names.get(self._vdsms_file)
        if name is None:
            return False
        try:
            was = self._io.lstat(name)
            now = self._io.lstat(self._vdsms_file)
        except FileNotFoundError:
            return True
        except (OSError, fileio.Timeout, fileio.Closed):
            return False
        return was.st_ino != now.st_ino

    def _read(self, path: str) -> list[str] | None:
        """The lines of the second name of a file, or None."""
        if path in self._names:
            with contextlib.suppress(
                OSError, fileio.Timeout, fileio.Closed, errors.NotMetadata
            ):
                return self._storage.read_lines(self._names[path])
        return None

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Replacing the metadata file of a file domain, <sd directory>/dom_md/metadata.

The new lines go into metadata.new.<host>.<pid>.<random> beside the file, a
file that is made for them. The name is new each time: a stuck old writer can
then never write into a file that a newer writer has made live. The steps, with
the names that Writer.write() gives to its caller:

    compare   `metadata` still has the old lines
    create    the new file is made
    write     the new lines are in it, and on disk (fsync)
    check     the new file has the owner of `metadata`, and reads back
    commit    `metadata` is compared once more, then comes the rename
    confirm   the directory is on disk (fsync), `metadata` reads back

Before the rename the files of all other writers are taken away: see
other_writers.py. What an error of the rename says is in renaming.py.

VDSM is a writer that no lease stops, at times. So `metadata` is read once more
right before the rename, and after the rename overwritten.py tells what was
replaced.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import stat

from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import other_writers, renaming
from vdsm_backup.storage.base import Overlapped
from vdsm_backup.storage.file import IDS, METADATA
from vdsm_backup.storage.overwritten import Overwritten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator, TypeVar

    from vdsm_backup.fileio.base import FileIO, StatResult
    from vdsm_backup.storage.file import FileStorage

    T = TypeVar("T")


class Replacement:
    """
    One write of a domain.

    io: the FileIO of the domain's mount.
    """

    def __init__(self, storage: FileStorage, io: FileIO) -> None:
        self._storage = storage
        self._io = io
        self._sd_id = storage.sd_id
        self._dir = storage.dom_md
        self._path = os.path.join(self._dir, METADATA)

    def run(
        self,
        old: list[str] | None,
        new: list[str],
        step: Callable[[str], None],
    ) -> None:
        """As Writer.write() in base.py, which has the errors, too."""
        data = self._encoded(new)
        whole = md_lines.is_whole(old, self._sd_id)
        step("compare")
        self._compare(old)
        with self._storage.failing("compare"):
            owner = self._owner()
        if whole:
            # The fence below does this again. Doing it here, too, lets an
            # obstacle stop us before we have made anything, and lets the
            # holder of the lease come first.
            self._take_away_others(self._io.unlink)
        step("create")
        temporary = self._new_path()
        with self._storage.failing("create"):
            self._io.touch(temporary, stat.S_IMODE(owner.st_mode))
        moved: list[str] = []
        overwritten = Overwritten(self._storage, self._io, self._new_path)
        try:
            self._fill(temporary, data, owner, step)
            if whole:
                self._take_away_others(self._io.unlink, temporary)
                self._compare(old)
            step("commit")
            with self._nothing_written():
                if not whole:
                    moved = self._take_away_others(self._move, temporary)
                self._compare(old)
            if old is not None:
                overwritten.link()
        except BaseException:
            # Whatever it is: nothing was changed, so nothing is left behind.
            self._discard(temporary)
            overwritten.unlink()
            raise
        try:
            renaming.rename(
                self._storage, self._io, temporary, old is not None
            )
            step("confirm")
            renaming.sync(self._storage, self._io)
            replaced = overwritten.lines(old)
            # As long as the old file has another name, a client with a stale
            # entry for `metadata` (Gluster) can read it, and does not get
            # ESTALE, after which it would look the name up again.
            overwritten.unlink()
            self._require(new, old, replaced)
        finally:
            overwritten.unlink()
        for path in moved:
            self._discard(path)

    def _require(
        self,
        new: list[str],
        old: list[str] | None,
        replaced: list[str] | None,
    ) -> None:
        """
        Raises an error if the new lines are not on storage, or if they have
        replaced other lines than the old ones.

        replaced: what they have replaced; None: not known.
        """
        found = self._storage.read()
        if found == new and replaced in (None, old):
            return
        overlapped = Overlapped(found, replaced)
        if found == new:
            reason = (
                "it has replaced what somebody else wrote meanwhile; if that"
                " was VDSM, repeat what was done in the engine"
            )
            raise errors.OutcomeUnknown(self._sd_id, reason) from overlapped
        if md_lines.is_whole(found, self._sd_id):
            reason = "somebody else has changed it since"
            raise errors.OutcomeUnknown(self._sd_id, reason) from overlapped
        problem = "what was written reads back differently"
        raise errors.DamagedMetadata(self._sd_id, problem) from overlapped

    @contextlib.contextmanager
    def _nothing_written(self) -> Iterator[None]:
        """
        After "commit" only MetadataChanged and WriteFailed say that nothing
        was written. So any other error becomes a WriteFailed.
        """
        try:
            yield
        except (errors.MetadataChanged, errors.WriteFailed):
            raise
        except errors.Error as e:
            raise errors.WriteFailed(self._sd_id, "compare", str(e))

    def _encoded(self, lines: list[str]) -> bytes:
        """
        The file that has these lines. Raises WriteFailed if it would not be
        read back as the same lines: the checksum would be wrong then, or
        nobody of ours would read the file at all.
        """
        too_long = encoding.too_long(lines)
        if too_long:
            raise errors.WriteFailed(self._sd_id, "encode", too_long)
        with contextlib.suppress(UnicodeEncodeError):
            data = encoding.encode_file(lines)
            if encoding.decode_file(data, self._sd_id) == lines:
                return data
        reason = "a value has characters that a file cannot hold"
        raise errors.WriteFailed(self._sd_id, "encode", reason)

    def _compare(self, old: list[str] | None) -> None:
        """
        Raises MetadataChanged if other lines are on storage. None: the
        metadata was gone or unreadable as text before, and still is.
        """
        read = self._storage.read_once if old is None else self._storage.read
        try:
            with self._storage.failing("compare"):
                lines = read()
        except (errors.MetadataMissing, errors.NotMetadata):
            if old is None:
                return
            raise
        if lines != old:
            raise errors.MetadataChanged(self._sd_id)

    def _fill(
        self,
        temporary: str,
        data: bytes,
        owner: StatResult,
        step: Callable[[str], None],
    ) -> None:
        step("write")
        with self._storage.failing("write"):
            self._io.writefile(temporary, data, direct=False)
            self._io.chmod(temporary, stat.S_IMODE(owner.st_mode))
        step("check")
        with self._storage.failing("check"):
            made = self._io.lstat(temporary)
            if (made.st_uid, made.st_gid) != (owner.st_uid, owner.st_gid):
                reason = (
                    f"the new file belongs to {made.st_uid}:{made.st_gid}, the"
                    f" old one to {owner.st_uid}:{owner.st_gid}"
                )
                raise errors.WriteFailed(self._sd_id, "check", reason)
            if self._io.readfile(temporary, direct=True) != data:
                reason = "what was written reads back differently"
                raise errors.WriteFailed(self._sd_id, "check", reason)

    def _owner(self) -> StatResult:
        """
        The owner and mode to keep. When `metadata` is gone and is being
        restored, those of `ids`.
        """
        try:
            return self._io.lstat(self._path)
        except FileNotFoundError:
            return self._io.lstat(os.path.join(self._dir, IDS))

    def _take_away_others(
        self, take_away: Callable[[str], T], own: str | None = None
    ) -> list[T]:
        with self._storage.failing("clean"):
            return other_writers.take_away_others(
                self._io, self._sd_id, self._dir, take_away, own
            )

    def _move(self, path: str) -> str:
        """
        Give a file a name that its own writer does not know, and return the
        path with that name.
        """
        new = self._new_path()
        self._io.rename(path, new)
        return new

    def _new_path(self) -> str:
        return os.path.join(self._dir, _temporary_name())

    def _discard(self, path: str) -> None:
        """
        Remove a file of which only we know the name. If that fails it harms
        nobody, and the next write tries again.
        """
        with contextlib.suppress(OSError, fileio.Timeout, fileio.Closed):
            self._io.unlink(path)


def _temporary_name() -> str:
    host = re.sub(r"[^A-Za-z0-9_-]", "_", socket.gethostname())[:64]
    return f"metadata.new.{host}.{os.getpid()}.{secrets.token_hex(8)}"

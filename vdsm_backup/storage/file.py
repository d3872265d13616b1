# SPDX-License-Identifier: GPL-2.0-or-later
"""
Metadata of a file domain: <mount>/<sdUUID>/dom_md/metadata.

Read: the directory is listed first, always. Without it NFS 4.2 clients
returned the old file for up to 34 s after a rename on another host; with it,
the new one at once. The file is then read with O_DIRECT, past the page cache.
Writers replace the file by rename, and Gluster and NFS show ENOENT or ESTALE
to readers meanwhile: that is "try again until the timeout", never "no flag".

Write: into metadata.new.<host>.<pid>.<random> beside it, made with O_EXCL and
O_NOFOLLOW, since the write itself truncates and follows links; fsync, read
back, rename, fsync of the directory. The name is new each time: a stuck old
writer can then never write into a file that a newer one has made live.

Before the rename the files of all other writers are taken away: see fence.py.

All calls go through a FileIO (see fileio), with a timeout each.
"""

import contextlib
import errno
import os
import re
import secrets
import socket
import stat
import time

from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.host import mounts
from vdsm_backup.metadata import encoding, origin
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import fence
from vdsm_backup.storage.base import LeasePaths, Storage

DOM_MD = "dom_md"
METADATA = "metadata"
IDS = "ids"

# VDSM's own metadata is below 2 KiB; unknown keys may make it longer. More
# than this is not metadata, and reading it could take all our memory.
MAX_SIZE = 1024**2

# Seconds between two attempts to read a file that is being replaced.
RETRY = 0.2


class FileStorage(Storage):
    """
    directory: the domain's directory, <mount>/<sdUUID>.
    io: a FileIO of its mount.
    timeout: seconds until a file that is missing is unreadable.
    io_user: (uid, gid) of the FileIO's process, as others must open files.
    """

    kind = "file"

    def __init__(self, sd_id, directory, io, timeout, io_user=None):
        super().__init__(sd_id, directory)
        self.directory = directory
        self.io_user = io_user
        self._io = io
        self._timeout = timeout
        self._dir = os.path.join(directory, DOM_MD)
        self._path = os.path.join(self._dir, METADATA)

    def describe(self):
        return {
            "kind": self.kind,
            "sd_id": self.sd_id,
            "directory": self.directory,
            "ioprocess": self._io.kind,
            "timeout": self._timeout,
        }

    def read(self):
        """
        Raises MetadataUnreadable, MetadataMissing, NotMetadata,
        StorageTimeout.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return self._read_once()
            except errors.MetadataMissing:
                if time.monotonic() >= deadline:
                    raise
            except OSError as e:
                replaced = e.errno in (errno.ENOENT, errno.ESTALE)
                if not replaced or time.monotonic() >= deadline:
                    reason = f"{self._path}: {e.strerror}"
                    raise errors.MetadataUnreadable(self.sd_id, reason)
            except fileio.Timeout:
                raise errors.StorageTimeout(self.place, self._timeout)
            except fileio.Closed as e:
                raise errors.MetadataUnreadable(self.sd_id, str(e))
            time.sleep(RETRY)

    def _read_once(self):
        names = self._io.listdir(self._dir)
        if METADATA not in names:
            # Being replaced, or gone. A listing that broke off, which
            # ioprocess does not tell, has no ids either. ENOENT of the file
            # itself proves nothing: Gluster gave it for more than 30 s for a
            # file that it listed.
            if IDS in names:
                raise errors.MetadataMissing(self.sd_id, self._path)
            raise FileNotFoundError(
                errno.ENOENT, os.strerror(errno.ENOENT), self._path
            )
        st = self._io.lstat(self._path)
        if not stat.S_ISREG(st.st_mode):
            reason = f"{self._path} is not a regular file"
            raise errors.NotMetadata(self.sd_id, reason)
        if st.st_size > MAX_SIZE:
            reason = f"{self._path} has {st.st_size} bytes, {MAX_SIZE} fit"
            raise errors.NotMetadata(self.sd_id, reason)
        data = self._io.readfile(self._path, direct=True)
        return encoding.decode_file(data, self.sd_id)

    def write(self, old, new, step):
        """
        Raises MetadataChanged, and whatever read() does; WriteFailed with the
        step; anything after "commit" leaves the outcome to a reader, but for
        MetadataChanged and WriteFailed of another step than "commit" and
        "confirm".
        """
        data = self._encoded(new)
        whole = md_lines.is_whole(old, self.sd_id)
        step("compare")
        self._compare(old)
        with self._failing("compare"):
            owner = self._owner()
        if whole:
            # Here already, so that what is in our way stops us before we
            # make anything, and the holder of the lease comes first.
            self._take_away_others(self._io.unlink)
        step("create")
        temporary = self._new_path()
        with self._failing("create"):
            flags = os.O_EXCL | os.O_NOFOLLOW
            self._io.touch(temporary, flags, stat.S_IMODE(owner.st_mode))
        moved = []
        try:
            self._fill(temporary, data, owner, step)
            if whole:
                self._fence(temporary, old, self._io.unlink)
            step("commit")
            if not whole:
                moved = self._fence(temporary, old, self._move)
        except BaseException:
            # Not after the rename: the name may be the live file by then.
            self._discard(temporary)
            raise
        with self._failing("commit"):
            self._io.rename(temporary, self._path)
        step("confirm")
        with self._failing("confirm"):
            self._io.fsyncPath(self._dir)
        self._require(new)
        for path in moved:
            self._discard(path)

    def _require(self, new):
        found = self.read()
        if found == new:
            return
        if md_lines.is_whole(found, self.sd_id):
            reason = "somebody else has changed it since"
            raise errors.OutcomeUnknown(self.sd_id, reason)
        problem = "what was written reads back differently"
        raise errors.DamagedMetadata(self.sd_id, problem)

    def _encoded(self, lines):
        """What does not read back as it was written would break the seal."""
        with contextlib.suppress(UnicodeEncodeError):
            data = encoding.encode_file(lines)
            if encoding.decode_file(data, self.sd_id) == lines:
                return data
        reason = "a value has characters that a file cannot hold"
        raise errors.WriteFailed(self.sd_id, "encode", reason)

    def _compare(self, old):
        """None: what is there is gone or no metadata, and still is."""
        try:
            lines = self._read_once() if old is None else self.read()
        except (errors.MetadataMissing, errors.NotMetadata):
            if old is None:
                return
            raise
        except OSError as e:
            raise errors.WriteFailed(self.sd_id, "compare", e.strerror)
        if lines != old:
            raise errors.MetadataChanged(self.sd_id)

    def _fill(self, temporary, data, owner, step):
        step("write")
        with self._failing("write"):
            self._io.writefile(temporary, data, direct=False)
            self._io.chmod(temporary, stat.S_IMODE(owner.st_mode))
        step("check")
        with self._failing("check"):
            made = self._io.lstat(temporary)
            if (made.st_uid, made.st_gid) != (owner.st_uid, owner.st_gid):
                reason = (
                    f"the new file belongs to {made.st_uid}:{made.st_gid}, the"
                    f" old one to {owner.st_uid}:{owner.st_gid}"
                )
                raise errors.WriteFailed(self.sd_id, "check", reason)
            if self._io.readfile(temporary, direct=True) != data:
                reason = "what was written reads back differently"
                raise errors.WriteFailed(self.sd_id, "check", reason)

    def _owner(self):
        """
        Owner and mode to keep; those of `ids` when `metadata` is gone and is
        being restored.
        """
        try:
            return self._io.lstat(self._path)
        except FileNotFoundError:
            return self._io.lstat(os.path.join(self._dir, IDS))

    def _fence(self, own, old, take_away):
        taken = self._take_away_others(take_away, own)
        self._compare(old)
        return taken

    def _take_away_others(self, take_away, own=None):
        with self._failing("clean"):
            return fence.take_away_others(
                self._io, self.sd_id, self._dir, take_away, own
            )

    def _move(self, path):
        """Out of the way of who knows it by its name."""
        new = self._new_path()
        self._io.rename(path, new)
        return new

    def _new_path(self):
        return os.path.join(self._dir, _temporary_name())

    def _discard(self, path):
        """What nobody else knows harms nobody; the next write tries again."""
        with contextlib.suppress(OSError, fileio.Timeout, fileio.Closed):
            self._io.unlink(path)

    @contextlib.contextmanager
    def _failing(self, step):
        try:
            yield
        except OSError as e:
            raise errors.WriteFailed(self.sd_id, step, e.strerror)
        except fileio.Timeout:
            raise errors.StorageTimeout(
                f"{step} in {self._dir}", self._timeout
            )
        except fileio.Closed as e:
            if step == "commit":
                # ioprocess starts a new process by itself, and that one may
                # still run a rename that was queued.
                raise errors.OutcomeUnknown(self.sd_id, str(e))
            raise errors.WriteFailed(self.sd_id, step, str(e))

    @contextlib.contextmanager
    def lease(self):
        yield LeasePaths(
            ids=os.path.join(self._dir, IDS),
            leases=os.path.join(self._dir, "leases"),
        )

    def origin(self):
        with self._failing("origin"):
            inode = self._io.lstat(os.path.join(self._dir, IDS)).st_ino
        fs_type, at = mounts.where(self.directory)
        return origin.file_origin(fs_type, inode, at)

    def match_origin(self, stored):
        return origin.match_file(stored, self.origin())

    def backup(self, path):
        return False


def _temporary_name():
    host = re.sub(r"[^A-Za-z0-9_-]", "_", socket.gethostname())[:64]
    return f"metadata.new.{host}.{os.getpid()}.{secrets.token_hex(8)}"

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Metadata of a file domain: <mount>/<sdUUID>/dom_md/metadata.

Read: the directory is always listed first. Without the listing NFS 4.2
clients returned the old file for up to 34 s after a rename on another host.
With it they returned the new file at once. The file is then read with
O_DIRECT, past the page cache. Writers replace the file by rename, and Gluster
and NFS show ENOENT or ESTALE to readers meanwhile. That means "try again
until the timeout", never "no flag".

Write: a new file replaces the old one by rename: see replacement.py.

All calls go through a FileIO (see fileio), with a timeout each.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time

from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.host import mounts
from vdsm_backup.metadata import encoding
from vdsm_backup.storage.base import LeasePaths, Storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

    from vdsm_backup.fileio.base import FileIO
    from vdsm_backup.storage.base import Activator, Options

# File systems whose source names a server or a cluster, and what is there. Two
# mounts of one source show the same files, by other device numbers.
_BY_SOURCE = ("nfs", "nfs4", "fuse.glusterfs", "ceph")

DOM_MD = "dom_md"
METADATA = "metadata"
IDS = "ids"
LEASES = "leases"

# Bytes of a file that is read.
MAX_SIZE = encoding.MAX_FILE

# Of readfile(): it is a link, no file at all, or far too large. A FileIO looks
# at each file by itself, before it reads it.
_NO_METADATA = (errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.EFBIG)

# Seconds between two attempts to read a file that is being replaced.
RETRY = 0.2

# Seconds after which a dom_md that is not there is gone: nobody replaces it.
GONE = 2


class FileStorage(Storage):
    """
    directory: the domain's directory, <mount>/<sdUUID>.
    dom_md: the directory in it that has the metadata.
    io: a FileIO of its mount.
    timeout: seconds after which a file that is still missing is unreadable.
    io_user: (uid, gid) of the FileIO's process: sanlock must open the files
        as that user, too.
    needs_root: what to raise where we may not read, if only root may.
    """

    kind = "file"
    needs_root: errors.NeedsRoot | None = None

    def __init__(
        self,
        sd_id: str,
        directory: str,
        io: FileIO,
        timeout: float,
        io_user: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(sd_id, directory)
        self.directory = directory
        self.io_user = io_user
        self._io = io
        self._timeout = timeout
        self.dom_md = os.path.join(directory, DOM_MD)
        self._path = os.path.join(self.dom_md, METADATA)

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "sd_id": self.sd_id,
            "directory": self.directory,
            "ioprocess": self._io.kind,
            "base": self._io.base,
            "timeout": self._timeout,
        }

    def read(self) -> list[str]:
        """
        Raises MetadataUnreadable, MetadataMissing, NotMetadata,
        StorageTimeout, DomainRefused.
        """
        begin = time.monotonic()
        deadline = begin + self._timeout
        while True:
            try:
                return self.read_once()
            except errors.MetadataMissing:
                if time.monotonic() >= deadline:
                    raise
            except errors.DomainRefused:
                if time.monotonic() >= min(deadline, begin + GONE):
                    raise
            except OSError as e:
                if isinstance(e, PermissionError) and self.needs_root:
                    raise self.needs_root
                replaced = e.errno in (errno.ENOENT, errno.ESTALE)
                if not replaced or time.monotonic() >= deadline:
                    reason = f"{self._path}: {e.strerror}"
                    raise errors.MetadataUnreadable(self.sd_id, reason)
            except fileio.Timeout:
                raise errors.StorageTimeout(self.found_at, self._timeout)
            except fileio.Closed as e:
                raise errors.MetadataUnreadable(self.sd_id, str(e))
            time.sleep(RETRY)

    def read_once(self) -> list[str]:
        """
        The lines, in one attempt. Raises what a FileIO does, MetadataMissing,
        NotMetadata, DomainRefused.
        """
        try:
            names = self._io.listdir(self.dom_md)
        except FileNotFoundError:
            self._require_dom_md()
            raise
        if METADATA not in names:
            # The file is being replaced, or it is gone. A listing that broke
            # off, which ioprocess does not tell, has no ids either. ENOENT of
            # the file itself proves nothing: Gluster answered it for more
            # than 30 s for a file that it listed.
            if IDS in names:
                raise errors.MetadataMissing(self.sd_id, self._path)
            raise FileNotFoundError(
                errno.ENOENT, os.strerror(errno.ENOENT), self._path
            )
        return self.read_lines(self._path)

    def _require_dom_md(self) -> None:
        """
        Raises DomainRefused if the directory of the domain is listed, and has
        no dom_md any more.
        """
        # A hook imports this module, and few domains need that one.
        from vdsm_backup.storage import incomplete

        nothing = incomplete.NOTHING
        error = incomplete.look(self._io, self.sd_id, self.directory, nothing)
        if error:
            raise error

    def read_lines(self, path: str) -> list[str]:
        """
        The lines of a file of metadata. Raises what a FileIO does,
        NotMetadata.
        """
        try:
            data = self._io.readfile(path, direct=True)
        except OSError as e:
            if e.errno in _NO_METADATA:
                self._require_metadata(path)
            raise
        self._require_size(path, len(data))
        return encoding.decode_file(data, self.sd_id)

    def _require_metadata(self, path: str) -> None:
        """Raises NotMetadata for what no FileIO reads."""
        st = self._io.lstat(path)
        if not stat.S_ISREG(st.st_mode):
            reason = f"{path} is not a regular file"
            raise errors.NotMetadata(self.sd_id, reason)
        self._require_size(path, st.st_size)

    def _require_size(self, path: str, size: int) -> None:
        if size > MAX_SIZE:
            reason = f"{path} has {size} bytes, {MAX_SIZE} fit"
            raise errors.NotMetadata(self.sd_id, reason)

    def write(
        self,
        old: list[str] | None,
        new: list[str],
        step: Callable[[str], None],
    ) -> None:
        """
        Raises what read() does, MetadataChanged, WriteFailed with the step,
        StorageTimeout. After "commit" only a reader can tell the outcome,
        with the exceptions that Writer.write() names.
        """
        # Only the writer process needs it.
        from vdsm_backup.storage.replacement import Replacement

        Replacement(self, self._io).run(old, new, step)

    @contextlib.contextmanager
    def failing(self, step: str) -> Iterator[None]:
        """Turn what a FileIO raises into errors that name the step."""
        try:
            yield
        except OSError as e:
            raise errors.WriteFailed(self.sd_id, step, e.strerror)
        except fileio.Timeout:
            what = f"{self.dom_md}, {errors.doing(step)},"
            raise errors.StorageTimeout(what, self._timeout)
        except fileio.Closed as e:
            if step == "commit":
                # ioprocess starts a new process by itself, and the new one
                # may still run a rename that was queued.
                raise errors.OutcomeUnknown(self.sd_id, str(e))
            raise errors.WriteFailed(self.sd_id, step, str(e))

    @contextlib.contextmanager
    def lease_paths(
        self, activator: Activator | None = None
    ) -> Iterator[LeasePaths]:
        ids = os.path.join(self.dom_md, IDS)
        leases = os.path.join(self.dom_md, LEASES)
        # sanlock opens by name what it is told to. It says itself what is
        # missing.
        with self.failing("lease"):
            for path in (ids, leases):
                with contextlib.suppress(FileNotFoundError):
                    self._require_file(path)
        yield LeasePaths(ids, leases)

    def _require_file(self, path: str) -> None:
        """Raises WriteFailed, and what a FileIO raises."""
        if not stat.S_ISREG(self._io.lstat(path).st_mode):
            reason = f"{path} is not a regular file"
            raise errors.WriteFailed(self.sd_id, "lease", reason)

    # What no hook asks for.

    def unwritable(self) -> errors.ChangeWouldFail | None:
        from vdsm_backup.vm.links import mount_of

        mount = mount_of(self.dom_md, mounts.table())
        if mount is None or not mount.is_read_only:
            return None
        from vdsm_backup.storage import unsafe

        return unsafe.read_only_mount(mount.point, self.sd_id)

    def origin(self) -> str:
        from vdsm_backup.metadata import origin

        with self.failing("origin"):
            inode = self._io.lstat(os.path.join(self.dom_md, IDS)).st_ino
        fs_type, at = mounts.where(self.directory)
        return origin.file_origin(fs_type, inode, at)

    def match_origin(self, stored: str) -> str:
        from vdsm_backup.metadata import origin

        return origin.match_file(stored, self.origin())

    def is_same(self, other: Storage) -> bool | None:
        """
        By the file ids, which is never replaced: by its device and inode. Two
        mounts of one share have two devices, and may have been made by two
        names of one server, so nothing can be told of two of these.
        """
        if not isinstance(other, FileStorage):
            return False
        one, two = self._ids(), other._ids()
        if one.st_dev == two.st_dev:
            return one.st_ino == two.st_ino
        at = [mounts.where(s.directory) for s in (self, other)]
        if not all(_is_share(fs_type) for fs_type, _ in at):
            return False
        same = at[0] == at[1] and one.st_ino == two.st_ino
        return True if same and at[0][0] in _BY_SOURCE else None

    def _ids(self) -> fileio.StatResult:
        path = os.path.join(self.dom_md, IDS)
        try:
            return self._io.lstat(path)
        except OSError as e:
            reason = f"{path}: {e.strerror}"
            raise errors.MetadataUnreadable(self.sd_id, reason)
        except fileio.Timeout:
            raise errors.StorageTimeout(self.found_at, self._timeout)
        except fileio.Closed as e:
            raise errors.MetadataUnreadable(self.sd_id, str(e))


def _is_share(fs_type: str) -> bool:
    """Whether a file system may be mounted more than once, as others."""
    return fs_type in _BY_SOURCE or fs_type.startswith("fuse")


def io_user(options: Options) -> tuple[int, int] | None:
    """
    The (uid, gid) that file I/O is done by: the configured user where we are
    root, otherwise None, which means that we do it as we are.
    """
    return (options.uid, options.gid) if os.getuid() == 0 else None

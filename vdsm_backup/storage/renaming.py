# SPDX-License-Identifier: GPL-2.0-or-later
"""
The rename over the metadata file of a file domain, and what its errors say.

A server may carry a rename out later, though the client was told an error. So
the new file is removed by its name after an error: a rename that comes later
finds none. If the rename was carried out, the name is not there any more, and
the live file stays.
"""

from __future__ import annotations

import contextlib
import errno
import os

from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.storage.file import METADATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.fileio.base import FileIO
    from vdsm_backup.storage.file import FileStorage

# Errors of a rename by which the storage has refused it. After any other one,
# such as EIO and ETIMEDOUT, the storage may carry the rename out later: NFS
# gives them when a server has not answered in time, or its answer was lost.
_REFUSED = frozenset(
    (
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.ENOSPC, errno.EDQUOT, errno.EMLINK),
        *(errno.ENOENT, errno.ESTALE, errno.ENOTDIR, errno.EISDIR),
        *(errno.EEXIST, errno.ENOTEMPTY, errno.EBUSY, errno.EXDEV),
        *(errno.EINVAL, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOSYS),
        *(errno.EILSEQ, errno.EOPNOTSUPP, errno.ENOMEM),
    )
)


def rename(
    storage: FileStorage, io: FileIO, new_file: str, had_lines: bool
) -> None:
    """
    Put a new file in the place of the live one.

    new_file: its path. had_lines: whether lines could be had from the live
    one.

    Raises WriteFailed if the storage has refused the rename; OutcomeUnknown
    if it may have been carried out, or may still be; StorageTimeout.
    """
    live = os.path.join(storage.dom_md, METADATA)
    with storage.failing("commit"):
        try:
            io.rename(new_file, live)
        except OSError as e:
            _prevent_late(storage, io, new_file, had_lines)
            if e.errno in _REFUSED:
                raise
            reason = f"the rename over {live}: {e.strerror}"
            raise errors.OutcomeUnknown(storage.sd_id, reason)


def _prevent_late(
    storage: FileStorage, io: FileIO, new_file: str, had_lines: bool
) -> None:
    """
    Remove the new file, unless it may be all that is left: an NFS client that
    has the live file open renames that away first, and then the new one. Where
    the live file had no lines, or was gone, nothing is lost with the new one.
    """
    with contextlib.suppress(OSError, fileio.Timeout, fileio.Closed):
        if not had_lines or METADATA in io.listdir(storage.dom_md):
            io.unlink(new_file)


def sync(storage: FileStorage, io: FileIO) -> None:
    """
    Have the rename on disk. Raises WriteFailed if nobody can say that it is,
    though others see it; StorageTimeout.
    """
    with storage.failing("confirm"):
        try:
            io.fsyncPath(storage.dom_md)
        except OSError as e:
            reason = f"fsync of {storage.dom_md}: {e.strerror}"
            raise errors.WriteFailed(storage.sd_id, "confirm", reason)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Permits: one VM may use flagged domains on this host, for a time.

A permit is the file <VM UUID>.json in [guard] permits, which only root can
write. It is looked for at each decision by which its VM would be refused, and
at no other: a hook whose VM needs no flagged domain does not touch it, and one
that finds no permit has called lstat() once.

The time of a permit is counted by the clock that runs from the boot of this
host, also while the host sleeps (CLOCK_BOOTTIME). Nobody can set that clock.
By the clock on the wall a permit would last for years where somebody sets that
clock back. The number of the boot is in the file, too: after a boot the clock
begins again.

A file that is not as permit_files.py makes it lifts nothing. The file must
belong to root and be writable by nobody else, and so must its directory.
Neither may be a symbolic link.
"""

from __future__ import annotations

import errno
import os
import time
from collections import namedtuple

from vdsm_backup import errors
from vdsm_backup.processes import regular_files
from vdsm_backup.text import is_uuid, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA = 1
SUFFIX = ".json"

# Seconds: the longest time of a permit.
MAX_SECONDS = 7 * 24 * 3600

# Bytes, more than any permit has.
_MAX_SIZE = 8192

# Nobody but the owner may have these.
_WRITABLE = 0o022

BOOT_ID = "/proc/sys/kernel/random/boot_id"

# How regular_files says what is not as it should be.
_WORDS = {
    errno.ELOOP: "is a symbolic link",
    errno.EISDIR: "is a directory",
    errno.ENXIO: "is no regular file",
    errno.ENOTDIR: "is no directory",
}

# For time.strftime().
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Permit(namedtuple("Permit", "vm_id reason by made ends")):
    """
    A permit that is as it should be; it may have expired.

    by: who has made it, user@host. made: when, UTC, by the clock on the wall
    of that time. ends: by now().
    """

    __slots__ = ()
    vm_id: str
    reason: str
    by: str
    made: str
    ends: float

    @property
    def left(self) -> float:
        """Seconds; none or less: it has expired."""
        return self.ends - now()

    @property
    def until(self) -> str:
        """When it ends, UTC, by the clock that is on the wall now."""
        return time.strftime(TIME_FORMAT, time.gmtime(time.time() + self.left))

    def __str__(self) -> str:
        by, reason = printable(self.by), printable(self.reason)
        return f"permitted until {self.until} by {by}: {reason}"


def path_of(directory: str, vm_id: str) -> str:
    """The file of the permit of a VM."""
    return os.path.join(directory, vm_id + SUFFIX)


def find(directory: str, vm_id: str | None) -> Permit | None:
    """
    The open permit of a VM. None if it has none, or if the VM has no UUID.

    directory: [guard] permits.

    Raises PermitUnusable if there is one that lifts nothing.
    """
    permit = read(directory, (vm_id or "").lower())
    if permit is not None and permit.left <= 0:
        path = path_of(directory, permit.vm_id)
        raise errors.PermitUnusable(permit.vm_id, path, "it has expired")
    return permit


def read(directory: str, vm_id: str) -> Permit | None:
    """
    The permit of a VM, expired or not. None if it has none.

    vm_id: in lower case. Raises PermitUnusable.
    """
    if not is_uuid(vm_id):
        return None
    path = path_of(directory, vm_id)
    try:
        os.lstat(path)
        require_directory(directory)
        data = _contents(path)
        return _parse(data, vm_id)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        reason = f"it {_WORDS.get(e.errno or 0) or e.strerror}"
        raise errors.PermitUnusable(vm_id, path, reason)
    except ValueError as e:
        raise errors.PermitUnusable(vm_id, path, str(e))


def require_directory(directory: str) -> None:
    """
    Raises ValueError if others than root could make permits in a directory,
    and OSError if it cannot be looked at.
    """
    try:
        fd = regular_files.open_directory(directory)
    except OSError as e:
        if e.errno in _WORDS:
            raise ValueError(f"{directory} {_WORDS[e.errno]}")
        raise
    try:
        _require_roots(directory, os.fstat(fd))
    finally:
        os.close(fd)


def now() -> float:
    """Seconds since this host has booted, those of its sleep too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """The number of this boot. Raises OSError."""
    with open(BOOT_ID, encoding="ascii") as f:
        return f.read().strip()


def _contents(path: str) -> bytes:
    """Raises OSError; ValueError if it is not root's alone, or too large."""
    fd = regular_files.open_file(path, os.O_RDONLY)
    with open(fd, "rb") as f:
        _require_roots("it", os.fstat(fd))
        data = f.read(_MAX_SIZE + 1)
    if len(data) > _MAX_SIZE:
        raise ValueError(f"it is larger than {_MAX_SIZE} bytes")
    return data


def _require_roots(name: str, status: os.stat_result) -> None:
    if status.st_uid != 0:
        raise ValueError(
            f"{name} belongs to user {status.st_uid}, not to root"
        )
    if status.st_mode & _WRITABLE:
        mode = status.st_mode & 0o7777
        raise ValueError(f"{name} has mode {mode:04o}: others may write there")


def _parse(data: bytes, vm_id: str) -> Permit:
    """Raises ValueError; OSError if the boot has no number."""
    # Most hooks find no permit and need no parser.
    import json

    found: Any
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON")
    malformed = ValueError("it is not as `permit` makes it")
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise malformed
    texts = [found.get(key) for key in ("vm", "boot", "reason", "by", "made")]
    begins, ends = found.get("begins"), found.get("ends")
    if not all(isinstance(text, str) and text for text in texts):
        raise malformed
    if not (isinstance(begins, float) and isinstance(ends, float)):
        raise malformed
    vm, boot, reason, by, made = texts
    # False for NaN, too.
    if not begins < ends <= begins + MAX_SECONDS:
        raise malformed
    if vm != vm_id:
        raise ValueError("it is of another VM")
    if boot != boot_id():
        raise ValueError("it is from before this host has booted")
    if begins > now():
        raise ValueError("it begins in the future")
    return Permit(vm, reason, by, made, ends)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Makes and removes the files of permits, and lists them: for the command line.
permits.py reads one.
"""

from __future__ import annotations

import contextlib
import os
import time

from vdsm_backup import errors
from vdsm_backup.guard import permits
from vdsm_backup.host import journal
from vdsm_backup.processes import directories, durable_files
from vdsm_backup.text import is_uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Union

    Found = Union[permits.Permit, errors.PermitUnusable]

_DIRECTORY_MODE = 0o755
_FILE_MODE = 0o644

_ACTION = "permit"


def make(
    directory: str, vm_id: str, seconds: int, reason: str, by: str
) -> tuple[permits.Permit, bool]:
    """
    Make the permit of a VM, from now on. One that is there is replaced, and
    stays if this fails.

    vm_id: in lower case. by: user@host.

    Returns the permit, and whether the journal has taken that it was made.
    Raises PermitFailed.
    """
    with _told_of_failures(vm_id, reason, by):
        made = _make(directory, vm_id, seconds, reason, by)
    text = f"VM {vm_id} may use flagged domains on this host: {made}"
    return made, _tell(text, journal.WARNING, "done", vm_id, reason, by)


def _make(
    directory: str, vm_id: str, seconds: int, reason: str, by: str
) -> permits.Permit:
    path = permits.path_of(directory, vm_id)
    try:
        _require_root()
        directories.make(directory, _DIRECTORY_MODE)
        permits.require_directory(directory)
        begins = permits.now()
        content = {
            "schema": permits.SCHEMA,
            "vm": vm_id,
            "reason": reason,
            "by": by,
            "made": time.strftime(permits.TIME_FORMAT, time.gmtime()),
            "boot": permits.boot_id(),
            "begins": begins,
            "ends": begins + seconds,
        }
        _replace(path, content)
        made = permits.read(directory, vm_id)
    except (OSError, ValueError) as e:
        reason = getattr(e, "strerror", None) or str(e)
        raise errors.PermitFailed("made", path, reason)
    except errors.PermitUnusable as e:
        raise errors.PermitFailed("made", path, e.reason)
    if made is None:
        raise errors.PermitFailed("made", path, "somebody has removed it")
    return made


def revoke(directory: str, vm_id: str, by: str) -> bool:
    """
    Remove the permit of a VM, whatever it is worth. Returns whether there was
    one. The journal is told, also that there was none.

    vm_id, by: as in make(). Raises PermitFailed.
    """
    with _told_of_failures(vm_id, None, by):
        was_there = _remove(permits.path_of(directory, vm_id))
    text = f"The permit of VM {vm_id} was revoked by {by}"
    if not was_there:
        text = f"VM {vm_id} has no permit that {by} could revoke"
    _tell(text, journal.NOTICE, "undone", vm_id, None, by)
    return was_there


def _remove(path: str) -> bool:
    """Returns whether it was there. Raises PermitFailed."""
    try:
        _require_root()
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as e:
        reason = getattr(e, "strerror", None) or str(e)
        raise errors.PermitFailed("removed", path, reason)
    return True


def all_found(directory: str) -> dict[str, Found]:
    """
    {UUID of a VM: its permit, which may have expired, or why it lifts
    nothing}, by UUID. Files that have no name of a permit are left out.

    Raises PermitFailed if the directory cannot be listed.
    """
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return {}
    except OSError as e:
        raise errors.PermitFailed("listed", directory, e.strerror)
    found: dict[str, Found] = {}
    for name in names:
        vm_id, suffix = os.path.splitext(name)
        if suffix != permits.SUFFIX or not is_uuid(vm_id):
            continue
        try:
            permit = permits.read(directory, vm_id)
        except errors.PermitUnusable as e:
            found[vm_id] = e
        else:
            if permit is not None:
                found[vm_id] = permit
    return found


def _require_root() -> None:
    """Raises ValueError."""
    if os.geteuid() != 0:
        raise ValueError("only root may do this")


def _replace(path: str, content: dict[str, object]) -> None:
    """Put a new file in the place of one that may be there."""
    new = f"{path}.{os.getpid()}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with contextlib.suppress(FileNotFoundError):
        # Of a process that was killed.
        os.unlink(new)
    fd = os.open(new, flags, _FILE_MODE)
    try:
        # The umask has taken bits off the mode, and user vdsm has to read.
        os.fchmod(fd, _FILE_MODE)
        durable_files.write_json(fd, content)
        os.rename(new, path)
    except BaseException:
        os.unlink(new)
        raise


@contextlib.contextmanager
def _told_of_failures(
    vm_id: str, reason: str | None, by: str
) -> Iterator[None]:
    """The body makes or removes a permit. The journal is told if it fails."""
    try:
        yield
    except errors.PermitFailed as e:
        text = f"The permit of VM {vm_id}: {e}"
        _tell(text, journal.ERR, "failed", vm_id, reason, by, code=e.code)
        raise
    except KeyboardInterrupt:
        text = (
            f"Interrupted: whether VM {vm_id} has a permit is not known:"
            " vdsm-backup-domain permit --list"
        )
        _tell(text, journal.WARNING, "interrupted", vm_id, reason, by)
        raise


def _tell(
    text: str,
    priority: int,
    result: str,
    vm_id: str,
    reason: str | None,
    by: str,
    **more: object,
) -> bool:
    return journal.send(
        text,
        priority,
        action=_ACTION,
        result=result,
        vm=f"VM {vm_id}",
        vm_id=vm_id,
        reason=reason,
        by=by,
        **more,
    )

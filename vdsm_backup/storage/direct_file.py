# SPDX-License-Identifier: GPL-2.0-or-later
"""
Reading a file domain at its location, by a FileIO of its own; for direct.py.

A location may be a candidate: a directory that is called by a UUID. It is a
domain if it has what each domain has. Where the user who reads storage may not
look, root looks, too: libvirt runs a VM as root sees the host.
"""

from __future__ import annotations

import os

from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import choose
from vdsm_backup.storage.file import (
    DOM_MD,
    IDS,
    LEASES,
    METADATA,
    FileStorage,
    io_user,
)
from vdsm_backup.text import os_reason
from vdsm_backup.vm.paths import NotADomain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.fileio.base import FileIO
    from vdsm_backup.storage.base import Options
    from vdsm_backup.vm.paths import Location

# Seconds before the timeout, when a file that stays away is told of: at the
# timeout itself nobody waits for the answer any more.
_MARGIN = 1.0


def read(
    options: Options, location: Location, timeout: float, linked: bool
) -> list[str]:
    """
    The lines of the domain's metadata, as they are on storage now.

    timeout: seconds, for each call.
    linked: it is a link of VDSM that says that the domain is there.

    Raises NotADomain if the location is a candidate, or linked, and nothing is
    there; what a Reader's read() raises.
    """
    # A location of this kind always has its directory.
    directory = location.directory
    # In VDSM's repository the domain's directory is no link. Elsewhere it may
    # be one, and a link to a flagged domain must not be overlooked.
    base = directory if location.candidate else os.path.dirname(directory)
    try:
        with choose.open_to_read(
            options.ioprocess, directory, timeout, base
        ) as io:
            try:
                return _read_through(io, options, location, timeout, linked)
            except _Closed:
                if os.getuid() != 0:
                    # Not ours, then: VDSM cannot use it either.
                    raise NotADomain(directory)
        with choose.open_root_too(directory, timeout, base) as io:
            return _read_through(io, options, location, timeout, linked)
    except fileio.Timeout:
        raise errors.StorageTimeout(directory, timeout)
    except (fileio.Closed, OSError) as e:
        raise errors.MetadataUnreadable(location.domain, os_reason(e))


class _Closed(PermissionError):
    """Whether a candidate is a domain is not for this user to see."""


def _read_through(
    io: FileIO,
    options: Options,
    location: Location,
    timeout: float,
    linked: bool,
) -> list[str]:
    directory = location.directory
    if linked and _is_absent(io, directory):
        raise NotADomain(directory)
    if location.candidate:
        _require_domain(io, directory)
    user = io_user(options)
    patience = max(timeout - _MARGIN, timeout / 2)
    storage = FileStorage(location.domain, directory, io, patience, user)
    return storage.read()


def _require_domain(io: FileIO, directory: str) -> None:
    """
    Raises NotADomain if a directory that is called by a UUID is no domain: it
    has no dom_md, or one without any of the files that each domain has. One
    of these is away while it is replaced, never all. Raises _Closed if this
    is not for the user of the FileIO to see.
    """
    dom_md = os.path.join(directory, DOM_MD)
    try:
        io.lstat(dom_md)
    except (FileNotFoundError, NotADirectoryError):
        raise NotADomain(directory)
    except PermissionError as e:
        raise _Closed(*e.args)
    files = (os.path.join(dom_md, name) for name in (METADATA, IDS, LEASES))
    if all(_is_absent(io, path) for path in files):
        raise NotADomain(directory)


def _is_absent(io: FileIO, path: str) -> bool:
    """Raises OSError if that cannot be told."""
    try:
        io.lstat(path)
    except FileNotFoundError:
        return True
    return False

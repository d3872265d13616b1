# SPDX-License-Identifier: GPL-2.0-or-later
"""
The calls that read, as the companion of this process does them
(processes/companion.py): for all mounts, many at a time.

Here the data of a call are ARGUMENTS, then the base of Calls, and the path.
What comes back is STAT for lstat, the names with a NUL behind each for
listdir, and the content for readfile.
"""

from __future__ import annotations

import os
import struct

from vdsm_backup.fileio.calls import Calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.processes import companion_child

# Whether it is a direct read; the length of the base.
ARGUMENTS = struct.Struct("=BI")
# The fields of StatResult, as the kernel has them: a server can make the size,
# the times and the blocks negative.
STAT = struct.Struct("=6Q5q")


def encode(base: str, path: str, direct: bool = False) -> bytes:
    """The data of a call."""
    at = os.fsencode(base)
    return ARGUMENTS.pack(bool(direct), len(at)) + at + os.fsencode(path)


def _decode(data: bytes) -> tuple[Calls, bytes, bool]:
    """(who does the call, its path, whether it is direct)"""
    direct, size = ARGUMENTS.unpack_from(data)
    end = ARGUMENTS.size + size
    return Calls(data[ARGUMENTS.size : end]), data[end:], bool(direct)


def _lstat(data: bytes, say: companion_child.Say) -> bytes:
    calls, path, _ = _decode(data)
    return STAT.pack(*calls.lstat(b"", path)[0])


def _listdir(data: bytes, say: companion_child.Say) -> bytes:
    calls, path, _ = _decode(data)
    return calls.listdir(b"", path)[1]


def _readfile(data: bytes, say: companion_child.Say) -> bytes:
    calls, path, direct = _decode(data)
    return calls.readfile(b"", path, direct)[1]


CALLS = {"lstat": _lstat, "listdir": _listdir, "readfile": _readfile}

# SPDX-License-Identifier: GPL-2.0-or-later
"""
A script (processes/scripts.py) that looks at what a domain has on storage
beside its metadata. It is a process of its own, since the storage can hang. It
opens nothing for writing, follows no link below the directory of the domain,
and opens nothing but regular files, directories and block devices.

What it is asked
================

The argument is a JSON object:

    {"sd_id": UUID, "align": BYTES, "sector": BYTES, "host_id": NUMBER,
     "directory": PATH or null, "areas": {"ids": PARTS, ...}}

directory: of a file domain. areas: where ids, leases and xleases are, as far
as they are wanted. PARTS is a list of [path, offset, length], in bytes: the
parts of an LV on its devices. null stands for the file of this name in dom_md.

What it says
============

One JSON object a line. Of a file domain:

    {"entries": {NAME: STAT}}       of the domain's directory
    {"dom_md": {NAME: STAT}}        of what may be there
    {"access": {NAME: REASON}}      "", or why we may not use it: "dom_md" to
                                    write in it, "metadata" to read it
    {"attributes": {NAME: LETTERS}} of chattr(1): i and a, of those that have
                                    one, where the file system tells
    {"read_only": MOUNT POINT}      if it is mounted so; "": not known where
    {"more": COUNT, "leftovers": [NAME, ...], "in_the_way": [NAME, ...]}
    {"space": {"blocks": N, "inodes": N or null}}
    {"failed": REASON}              it could not be looked at, or not further

STAT is {"mode", "uid", "gid", "size"}. Of all domains:

    {"area": NAME, "faults": [TEXT, ...]} or {"area": NAME, "failed": REASON}
    {"notes": [TEXT, ...]}
    {"end": true}
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import mmap
import os
import stat
import sys

from vdsm_backup.host import mounts
from vdsm_backup.lease import ondisk
from vdsm_backup.processes import regular_files
from vdsm_backup.processes.script_output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Parts = Sequence[tuple[str, int, int]]
    # (offset, length) -> what is there, shorter at the end.
    Read = Callable[[int, int], bytes]

DOM_MD = "dom_md"
SPECIAL = ("metadata", "ids", "leases", "xleases", "inbox", "outbox")
ENTRIES = (DOM_MD, "images", "master")
LEFTOVER = "metadata.new"

# FS_IOC_GETFLAGS, FS_IMMUTABLE_FL and FS_APPEND_FL of linux/fs.h. POWER has
# other numbers for ioctl(2): asm/ioctl.h.
_POWER = os.uname().machine.startswith("ppc")
_GET_FLAGS = 0x40086601 if _POWER else 0x80086601
_LETTERS = ((0x10, "i"), (0x20, "a"))

# More leftovers are counted and not told.
_MAX_NAMES = 20

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC

# Direct reads begin and end at a multiple of it.
_BLOCK = 4096


def main(args: Sequence[str]) -> None:
    request = json.loads(args[0])
    try:
        _domain(request)
    except OSError as e:
        say({"failed": regular_files.why(e)})
    say({"end": True})


def _domain(request: dict[str, Any]) -> None:
    """Raises OSError."""
    dom_md = None
    if request["directory"] is not None:
        dom_md = _directory(request["directory"])
        if dom_md is None:
            return
    _areas(request, dom_md)


# A file domain


def _directory(path: str) -> int | None:
    """Say what is in a domain's directory. The descriptor of its dom_md."""
    # The way to the directory may have links: VDSM has one to a local domain.
    fd = os.open(path, _OPEN | os.O_DIRECTORY)
    say({"entries": _stats(fd, ENTRIES)})
    try:
        dom_md = regular_files.open_directory(DOM_MD, _OPEN, fd)
    except OSError as e:
        say({"access": {DOM_MD: regular_files.why(e)}})
        return None
    say({"dom_md": _stats(dom_md, SPECIAL)})
    say(
        {
            "access": {
                DOM_MD: _refusal(DOM_MD, fd, os.R_OK | os.W_OK | os.X_OK),
                "metadata": _refusal("metadata", dom_md, os.R_OK),
            }
        }
    )
    say({"attributes": _attributes(dom_md)})
    if os.fstatvfs(dom_md).f_flag & os.ST_RDONLY:
        mount = mounts.of_file(dom_md)
        say({"read_only": mount.point if mount else ""})
    say(_leftovers(dom_md))
    space = os.fstatvfs(dom_md)
    # A file system without a limit of inodes has 0 of them.
    inodes = space.f_favail if space.f_files else None
    counts = {"blocks": space.f_bavail, "inodes": inodes}
    say({"space": {**counts, "block_size": space.f_frsize}})
    return dom_md


def _stats(fd: int, names: Sequence[str]) -> dict[str, dict[str, int]]:
    found = {}
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            st = os.stat(name, dir_fd=fd, follow_symlinks=False)
            found[name] = {
                "mode": st.st_mode,
                "uid": st.st_uid,
                "gid": st.st_gid,
                "size": st.st_size,
            }
    return found


def _refusal(name: str, fd: int, mode: int) -> str:
    """Why we may not use a file in this way, or "". Follows no link."""
    try:
        st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISLNK(st.st_mode):
            return ""
        # The kernel and the server answer this one: it knows what modes do
        # not tell, such as a mount that is read-only.
        _access(fd, name, mode)
    except FileNotFoundError:
        return ""
    except OSError as e:
        return regular_files.why(e)
    return ""


def _access(fd: int, name: str, mode: int) -> None:
    """Raises OSError. os.access() would not tell why."""
    if os.access(name, mode, dir_fd=fd):
        return
    if mode & os.W_OK and os.fstatvfs(fd).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def _attributes(dom_md: int) -> dict[str, str]:
    """Why not even root may replace or write files: chattr +i and +a."""
    found = {DOM_MD: _attributes_of(dom_md)}
    for name in ("metadata", "ids", "leases"):
        # What may not be read, or is no file, is told elsewhere.
        with contextlib.suppress(OSError):
            fd = regular_files.open_file(name, _OPEN, dom_md)
            try:
                found[name] = _attributes_of(fd)
            finally:
                os.close(fd)
    return {name: letters for name, letters in found.items() if letters}


def _attributes_of(fd: int) -> str:
    """ "" also where the file system has no attributes, or does not tell."""
    try:
        # The kernel writes an int, though the number says that it is a long.
        answer = fcntl.ioctl(fd, _GET_FLAGS, bytes(8))
    except OSError:
        return ""
    flags = int.from_bytes(answer[:4], sys.byteorder)
    return "".join(letter for bit, letter in _LETTERS if flags & bit)


def _leftovers(dom_md: int) -> dict[str, Any]:
    """
    Files of writers. A directory with such a name is in the way: it can be
    neither written nor removed as a file. So is a link or a FIFO that VDSM
    would write to.
    """
    found, in_the_way = [], []
    with os.scandir(dom_md) as entries:
        for entry in entries:
            if not entry.name.startswith(LEFTOVER):
                continue
            is_vdsms = entry.name == LEFTOVER
            if entry.is_dir(follow_symlinks=False) or (
                is_vdsms and not entry.is_file(follow_symlinks=False)
            ):
                in_the_way.append(entry.name)
            else:
                found.append(entry.name)
    return {
        "leftovers": sorted(found)[:_MAX_NAMES],
        "more": max(0, len(found) - _MAX_NAMES),
        "in_the_way": sorted(in_the_way)[:_MAX_NAMES],
    }


# Leases


def _areas(request: dict[str, Any], dom_md: int | None) -> None:
    sd_id, align = request["sd_id"], request["align"]
    sector, host_id = request["sector"], request["host_id"]
    ids, sdm, whole = b"", b"", 0
    # leases before ids: a host that joins and takes the lease meanwhile is in
    # neither of them, or in ids.
    for name in ("leases", "ids", "xleases"):
        if name not in request["areas"]:
            continue
        parts = request["areas"][name]
        try:
            with _reader(name, parts, dom_md) as read:
                if name == "ids":
                    ids = read(0, align)
                    faults = ondisk.lockspace_faults(ids, sd_id, align, sector)
                elif name == "leases":
                    sdm = read(align, _BLOCK)
                    faults = ondisk.sdm_faults(
                        sdm, sd_id, align, sector, host_id
                    )
                else:
                    faults = ondisk.index_faults(read(align, _BLOCK), sd_id)
        except OSError as e:
            # The words of a file would be wrong for a device.
            why = regular_files.why(e) if parts is None else e.strerror
            say({"area": name, "failed": why})
        else:
            say({"area": name, "faults": faults})
            whole += not faults and name in ("ids", "leases")
    if whole == 2:
        say({"notes": ondisk.owner_notes(sdm, ids, sector)})


@contextlib.contextmanager
def _reader(
    name: str, parts: Parts | None, dom_md: int | None
) -> Iterator[Read]:
    """Raises OSError."""
    if parts is None:
        fd = regular_files.open_file(name, _OPEN, dom_md)
        try:
            _set_direct(fd)
            yield lambda offset, length: _pread(fd, offset, length)
        finally:
            os.close(fd)
    else:
        yield lambda offset, length: _from_parts(parts, offset, length)


def _from_parts(parts: Parts, offset: int, length: int) -> bytes:
    """What an LV has there. Raises OSError."""
    data = b""
    for path, start, size in parts:
        if offset < size and len(data) < length:
            count = min(size - offset, length - len(data))
            data += _from_device(path, start + offset, count)
            offset += count
        offset -= size
    return data


def _from_device(path: str, offset: int, length: int) -> bytes:
    # A device of LVM is a link at times: /dev/mapper/WWID.
    fd = os.open(path, _OPEN)
    try:
        if not stat.S_ISBLK(os.fstat(fd).st_mode):
            raise OSError(0, f"{path} is no block device")
        _set_direct(fd)
        return _pread(fd, offset, length)
    finally:
        os.close(fd)


def _set_direct(fd: int) -> None:
    """Read past the page cache, on file systems that can."""
    with contextlib.suppress(OSError):
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_DIRECT)


def _pread(fd: int, offset: int, length: int) -> bytes:
    # An anonymous map is aligned, as direct I/O needs it.
    with mmap.mmap(-1, length) as block:
        done = 0
        while done < length:
            with memoryview(block)[done:] as rest:
                count = os.preadv(fd, [rest], offset + done)
            done += count
            # After a short read the offset is aligned no more.
            if not count or done % _BLOCK:
                break
        return block[:done]

# SPDX-License-Identifier: GPL-2.0-or-later
"""
A script (processes/scripts.py) that tells which block devices have the label
of a PV. LVM does not say that of a device that it takes for something else,
one with partitions for example. It is a process of its own, since a device can
hang, and root's, since no other user may read devices. It writes nothing.

The arguments are paths of devices. Of each it says one JSON object:

    {"device": PATH, "pv": UUID or null, "areas": COUNT, "vg": NAME or null,
     "is_ours": BOOLEAN}
    {"device": PATH, "failed": REASON}

pv: that of the PV, without hyphens; null: there is none. areas: how many
metadata areas the PV has. vg: the name of its VG, if the metadata of the VG
is there. is_ours: whether the VG has a tag of VDSM.

And then {"end": true}.

What is read
============

The format is that of lib/format_text/layout.h and lib/label/label.h of lvm2,
all of it little-endian. The label is in one of the first four sectors of 512
bytes:

    "LABELONE", sector (8), checksum (4), offset of the PV's header (4),
    "LVM2 001"

The header of the PV: its UUID (32), size of the device (8), and then two lists
of (offset, size), of 8 bytes each: where data is, and the metadata areas. A
pair of zeros ends a list.

A metadata area begins with: checksum (4), magic (16), version (4), its own
offset (8) and size (8), and then (offset, size, checksum, flags), 8, 8, 4 and
4 bytes, of the text that counts. The text begins with the name of the VG.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct

from vdsm_backup.lvm.scan import TAGS
from vdsm_backup.processes.script_output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

_SECTOR = 512
_SECTORS = 4

_LABEL = struct.Struct("<8sQII8s")
_PAIR = struct.Struct("<QQ")
_AREA = struct.Struct("<I16sIQQQQII")

# Bytes of the UUID of a PV.
_UUID = 32

_ID, _TYPE = b"LABELONE", b"LVM2 001"
_MAGIC = b" LVM2 x[5A%r0N*>"

# Of raw_locn: the PV has the area, and the VG does not use it.
_IGNORED = 1

# Bytes of the text: the tags of a VG come soon.
_TEXT = 64 * 1024

# Bytes of a device. A damaged label may say more than a read can be asked for.
_LARGEST = 2**60

# Lists have a few pairs. A damaged one may not end.
_MOST = 16

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_DIRECT

# Direct reads begin and end at a multiple of it.
_BLOCK = 4096


def main(args: Sequence[str]) -> None:
    for path in args:
        try:
            say({"device": path, **_label(path)})
        except OSError as e:
            say({"device": path, "failed": e.strerror or str(e)})
    say({"end": True})


def _label(path: str) -> dict[str, Any]:
    """Raises OSError."""
    # A device of LVM is a link at times: /dev/mapper/WWID.
    fd = os.open(path, _OPEN)
    try:
        if not stat.S_ISBLK(os.fstat(fd).st_mode):
            raise OSError(0, "it is no block device")
        header = _header(_read(fd, 0, _SECTOR * _SECTORS * 2))
        if header is None:
            return {"pv": None, "areas": 0, "vg": None, "is_ours": False}
        areas = list(_pairs(header, 1))
        texts = filter(None, (_text(fd, *area) for area in areas))
        text = next(texts, "")
        return {
            "pv": header[:_UUID].decode("ascii", "replace"),
            "areas": len(areas),
            "vg": text.partition(" {")[0] or None,
            "is_ours": any(f'"{tag}' in text for tag in TAGS),
        }
    finally:
        os.close(fd)


def _header(data: bytes) -> bytes | None:
    """The header of the PV, and what follows. None: there is no label."""
    for start in range(0, _SECTOR * _SECTORS, _SECTOR):
        magic, _, _, offset, kind = _LABEL.unpack_from(data, start)
        if (magic, kind) == (_ID, _TYPE) and offset < _SECTOR:
            return data[start + offset : start + _SECTOR]
    return None


def _pairs(header: bytes, number: int) -> Iterator[tuple[int, int]]:
    """Those of one of the lists, by its number from 0."""
    at = _UUID + 8
    for _ in range(_MOST):
        if at + _PAIR.size > len(header):
            return
        offset, size = _PAIR.unpack_from(header, at)
        at += _PAIR.size
        if not offset:
            number -= 1
            if number < 0:
                return
        elif not number:
            yield offset, size


def _text(fd: int, offset: int, size: int) -> str:
    """The text that an area has now, or "". Raises OSError."""
    if offset % _SECTOR or size < _SECTOR or offset + size > _LARGEST:
        return ""
    area = _read(fd, offset, _SECTOR)
    if len(area) < _AREA.size:
        return ""
    _, magic, _, _, _, start, length, _, flags = _AREA.unpack_from(area)
    if magic != _MAGIC or not start or start >= size or flags & _IGNORED:
        return ""
    length = min(length, _TEXT)
    data = _read(fd, offset + start, min(length, size - start))
    if length > size - start:
        # It goes on behind the head of the area.
        data += _read(fd, offset + _SECTOR, length - (size - start))
    return data.partition(b"\0")[0].decode("utf-8", "replace")


def _read(fd: int, offset: int, length: int) -> bytes:
    """What is there, past the page cache; shorter at the end."""
    first = offset - offset % _BLOCK
    size = offset + length - first
    size += -size % _BLOCK
    # An anonymous map is aligned, as direct I/O needs it.
    with mmap.mmap(-1, size) as block:
        count = os.preadv(fd, [block], first)
        return block[offset - first : min(count, offset - first + length)]

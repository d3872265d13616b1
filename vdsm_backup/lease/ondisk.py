# SPDX-License-Identifier: GPL-2.0-or-later
"""
What sanlock and VDSM have on storage for leases, and what is wrong with it.
Pure functions.

The areas
=========

An area is ALIGNMENT bytes long, in sectors of BLOCK_SIZE bytes.

    ids      at 0: the lockspace. Host id N has sector N - 1.
    leases   at 1 x ALIGNMENT: the resource SDM, in its first sector
             (SDM_LEASE_SLOT in lib/vdsm/storage/sd.py).
    xleases  at 1 x ALIGNMENT: VDSM's index of the leases of VMs
             (lib/vdsm/storage/xlease.py).

A leader record of sanlock
==========================

A sector of ids, and the first one of a resource, begins with struct
leader_record (src/leader.h). Numbers are little-endian:

    offset  size
         0     4  magic: 0x12212010 in ids, 0x06152010 in leases
         4     4  version; the upper half is 3 in ids, 6 in leases
         8     4  flags: 0x10, 0x20, 0x40, 0x80 for an area of 1, 2, 4, 8 MiB;
                  none of them: 1 MiB with sectors of 512, else 8 MiB
        12     4  size of a sector
        16     8  number of hosts
        24     8  most hosts
        32     8  host id of the owner; 0 in a slot that was never used
        40     8  generation of the owner
        48     8  version of the lease
        56    48  name of the lockspace
       104    48  ids: name of the host; leases: name of the resource
       152     8  time of the last renewal; 0 is free
       160     8  not used
       168     4  checksum: CRC-32C of the 168 bytes before it, which begins
                  with ~1 and is not inverted at the end
       172     2  not used
       174     2  I/O timeout in seconds

sanlock writes all sectors of ids when it makes the lockspace
(delta_lease_init() in src/delta_lease.c), and refuses a host id whose sector
has another magic, major version, lockspace or checksum: verify_leader() there,
and in src/paxos_lease.c.

The index of xleases
====================

    offset  size
         0     4  magic 0x12152016, big-endian
         5     4  version "0001"
        10    48  name of the lockspace, padded with NUL
        59    10  time of the last change, decimal
        70     1  "u": an update was begun and not finished. "-": none
"""

from __future__ import annotations

import struct
from collections import namedtuple

from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator

SDM = "SDM"

# struct leader_record, up to io_timeout.
_LEADER = struct.Struct("<4I5Q48s48s2QI2H")
_CHECKED = 168

_DELTA_MAGIC = 0x12212010
_DELTA_MAJOR = 3
_PAXOS_MAGIC = 0x06152010
_PAXOS_MAJOR = 6

_MIB = 1024**2
_AREAS = {0x10: 1 * _MIB, 0x20: 2 * _MIB, 0x40: 4 * _MIB, 0x80: 8 * _MIB}
_AREA_FLAGS = 0xF0

# META_STRUCT, INDEX_MAGIC and INDEX_VERSION in xlease.py.
_INDEX = struct.Struct(">i x 4s x 48s x 10s x c")
_INDEX_MAGIC = 0x12152016
_INDEX_VERSION = 1

# size_to_max_hosts() in src/sizeflags.c.
_HOSTS = {
    (1 * _MIB, 512): 2000,
    (1 * _MIB, 4096): 250,
    (2 * _MIB, 4096): 500,
    (4 * _MIB, 4096): 1000,
    (8 * _MIB, 4096): 2000,
}


class Leader(
    namedtuple(
        "Leader",
        "magic major area sector hosts owner_id generation lockspace name"
        " timestamp whole",
    )
):
    """
    A leader record. area, sector: bytes. lockspace, name: as text, harmless to
    show. whole: whether the checksum is right.
    """

    __slots__ = ()
    magic: int
    major: int
    area: int
    sector: int
    hosts: int
    owner_id: int
    generation: int
    lockspace: str
    name: str
    timestamp: int
    whole: bool


def leader(data: bytes) -> Leader:
    """The record that these bytes begin with, whatever they are."""
    data = data[: _LEADER.size].ljust(_LEADER.size, b"\0")
    fields = _LEADER.unpack(data)
    magic, version, flags, sector, hosts = fields[:5]
    default = _MIB if sector == 512 else 8 * _MIB
    return Leader(
        magic=magic,
        major=version >> 16,
        area=_AREAS.get(flags & _AREA_FLAGS, default),
        sector=sector,
        hosts=hosts,
        owner_id=fields[6],
        generation=fields[7],
        lockspace=_text(fields[9]),
        name=_text(fields[10]),
        timestamp=fields[11],
        whole=fields[13] == checksum(data[:_CHECKED]),
    )


def host_ids(align: int, sector: int) -> int:
    """How many host ids a lockspace has; 0 if sanlock has no such sizes."""
    return _HOSTS.get((align, sector), 0)


def lockspace_faults(
    data: bytes, sd_id: str, align: int, sector: int
) -> list[str]:
    """
    Why sanlock would refuse to join the lockspace, or one host id of it.

    data: the area of ids, or what there is of it. align, sector: sizes by the
        metadata of the domain, in bytes.
    """
    if len(data) < align:
        return [f"it has {len(data)} bytes of {align}"]
    first = leader(data)
    fault = _leader_fault(first, _DELTA_MAGIC, _DELTA_MAJOR, sd_id)
    fault = fault or _size_fault(first, align, sector)
    if fault:
        return [fault]
    bad = list(_bad_slots(data, sd_id, host_ids(align, sector), sector))
    if not bad:
        return []
    host_id, fault = bad[0]
    more = f", and those of {len(bad) - 1} others" if bad[1:] else ""
    return [f"the slot of host id {host_id}{more}: {fault}"]


def _bad_slots(
    data: bytes, sd_id: str, count: int, sector: int
) -> Iterator[tuple[int, str]]:
    """(host id, fault) of each slot that sanlock would refuse."""
    # Most slots were never used, and have the same bytes.
    known: dict[bytes, str] = {}
    for number in range(count):
        slot = data[number * sector : number * sector + _LEADER.size]
        if slot not in known:
            known[slot] = _leader_fault(
                leader(slot), _DELTA_MAGIC, _DELTA_MAJOR, sd_id
            )
        fault = known[slot]
        owner = leader(slot).owner_id if not fault and number else 0
        if owner not in (0, number + 1):
            fault = f"it is that of host id {owner}"
        if fault:
            yield number + 1, fault


def sdm_faults(
    data: bytes, sd_id: str, align: int, sector: int, host_id: int
) -> list[str]:
    """
    Why sanlock would refuse to take the SDM lease as this host id.

    data: the first sector of its area, or what there is of it.
    """
    if len(data) < sector:
        return ["it is too short to have the SDM lease"]
    found = leader(data)
    fault = _leader_fault(found, _PAXOS_MAGIC, _PAXOS_MAJOR, sd_id)
    if not fault and found.name != SDM:
        fault = f"it has the lease {printable(found.name)}, and not {SDM}"
    if not fault and found.hosts < host_id:
        fault = f"it was made for {found.hosts} hosts, this one is {host_id}"
    fault = fault or _size_fault(found, align, sector)
    return [fault] if fault else []


def owner_notes(sdm: bytes, ids: bytes, sector: int) -> list[str]:
    """
    What does not fit together in a lease and a lockspace that are whole.

    sdm: the first sector of the SDM lease. ids: the area of ids.
    """
    lease = leader(sdm)
    offset = (lease.owner_id - 1) * sector
    if not 0 < lease.owner_id <= len(ids) // sector:
        return []
    slot = leader(ids[offset : offset + sector])
    if slot.generation >= lease.generation:
        return []
    return [
        f"leases knows host id {lease.owner_id} in generation"
        f" {lease.generation}, ids only in {slot.generation}: ids is older"
        " than leases, or was made anew"
    ]


def index_faults(data: bytes, sd_id: str) -> list[str]:
    """
    Why VDSM would refuse to use the leases of VMs.

    data: the beginning of the index in xleases, or what there is of it.
    """
    if len(data) < _INDEX.size:
        return ["it is too short to have the index of VDSM"]
    magic, version, lockspace, _, updating = _INDEX.unpack(data[: _INDEX.size])
    if not any(data):
        return ["it was never initialized, or was zeroed"]
    if magic != _INDEX_MAGIC:
        return ["it has no index of VDSM"]
    if not version.isdigit() or int(version) != _INDEX_VERSION:
        return [f"its index has version {printable(_text(version))}"]
    if _text(lockspace) != sd_id:
        return [_foreign(_text(lockspace))]
    if updating == b"u":
        return ["an update of its index was begun and not finished"]
    return []


def checksum(data: bytes) -> int:
    """sanlock's checksum of these bytes: see above."""
    value = 0xFFFFFFFE
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value


def _leader_fault(found: Leader, magic: int, major: int, sd_id: str) -> str:
    """Why sanlock would refuse this record, or ""."""
    if not found.magic and not found.lockspace:
        return "it was never initialized, or was zeroed"
    if found.magic != magic:
        return f"sanlock has not written it: its magic is {found.magic:#x}"
    if found.major != major:
        return f"its format has the version {found.major}, not {major}"
    if found.lockspace != sd_id:
        return _foreign(found.lockspace)
    if not found.whole:
        return "its checksum is wrong"
    return ""


def _foreign(lockspace: str) -> str:
    return f"it belongs to another lockspace, {printable(lockspace) or '-'}"


def _size_fault(found: Leader, align: int, sector: int) -> str:
    if (found.area, found.sector) == (align, sector):
        return ""
    return (
        f"it was made for areas of {found.area} bytes and sectors of"
        f" {found.sector}, the metadata has {align} and {sector}"
    )


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _table() -> Iterable[int]:
    """CRC-32C, its polynomial reflected."""
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        yield value


_TABLE = tuple(_table())

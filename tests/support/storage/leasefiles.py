# SPDX-License-Identifier: GPL-2.0-or-later
"""
ids, leases and xleases of a domain that nobody has joined, as sanlock
(write_lockspace, write_resource) and VDSM (xlease.py) make them.

The bytes are put together here, and not by what reads them; a test compares
them with those of a real sanlock.
"""

import os
import struct

from vdsm_backup.lease import ondisk

MIB = 1024**2
SECTOR = 512
HOSTS = 2000

# struct request_record of sanlock, in the second sector of a lease.
_REQUEST = struct.pack("<II", 0x08292011, 0x00010001)


def leader(magic, major, sd_id, name="", **other):
    """A leader record in its sector: struct leader_record of sanlock."""
    fields = {
        "flags": 0x10,
        "sector": SECTOR,
        "num_hosts": 0,
        "max_hosts": 1,
        "owner_id": 0,
        "generation": 0,
        "lver": 0,
        "timestamp": 0,
        "io_timeout": 10,
        **other,
    }
    data = struct.pack(
        "<IIII", magic, major << 16 | 4, fields["flags"], fields["sector"]
    )
    for field in "num_hosts max_hosts owner_id generation lver".split():
        data += struct.pack("<Q", fields[field])
    data += sd_id.encode().ljust(48, b"\0") + name.encode().ljust(48, b"\0")
    data += struct.pack("<QQ", fields["timestamp"], 0)
    data += struct.pack("<I", ondisk.checksum(data))
    data += struct.pack("<HH", 0, fields["io_timeout"])
    return data.ljust(SECTOR, b"\0")


def slot(sd_id, host="", **other):
    """The sector of a host id. host: the name of its owner."""
    return leader(0x12212010, 3, sd_id, host, **other)


def sdm(sd_id, name="SDM", **other):
    """The first sector of the SDM lease."""
    hosts = {"num_hosts": HOSTS, "max_hosts": HOSTS, "io_timeout": 0}
    return leader(0x06152010, 6, sd_id, name, **{**hosts, **other})


def ids(sd_id):
    return (slot(sd_id) * HOSTS).ljust(MIB, b"\0")


def leases(sd_id):
    return (b"\0" * MIB + sdm(sd_id) + _REQUEST).ljust(2 * MIB, b"\0")


def index(sd_id, magic=0x12152016, version=b"0001", updating=b"-"):
    """The head of VDSM's index of the leases of VMs, META_STRUCT."""
    data = struct.pack(">i", magic) + b"\0" + version + b"\0"
    data += sd_id.encode().ljust(48, b"\0") + b"\0" + b"1700000000\0"
    return (data + updating).ljust(511, b"\0") + b"\n"


def make(dom_md, sd_id):
    """New files in dom_md; what has nothing in it takes no space."""
    with open(os.path.join(dom_md, "ids"), "xb") as f:
        f.write(ids(sd_id))
    with open(os.path.join(dom_md, "leases"), "xb") as f:
        f.seek(MIB)
        f.write(sdm(sd_id) + _REQUEST)
        f.truncate(2 * MIB)
    with open(os.path.join(dom_md, "xleases"), "xb") as f:
        f.seek(MIB)
        f.write(index(sd_id))
        f.truncate(3 * MIB)

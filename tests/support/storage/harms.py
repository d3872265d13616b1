# SPDX-License-Identifier: GPL-2.0-or-later
"""
What may have become of a file of a domain, or of its LUN: each takes the path.
"""

import os
import struct

from tests.support.storage import leasefiles

# Of foreign() and foreign_area().
OTHER = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"


# Of a LUN. The label of the PV, in the second sector, stays.


def partitioned(device):
    """By a tool that writes no GPT: one partition, of type Linux."""
    entry = struct.pack("<8B2I", 0, 0, 2, 0, 0x83, 0, 0, 0, 2048, 2048)
    _write(device, entry.ljust(64, b"\0") + b"\x55\xaa", 446)


def signed(device):
    """As LVM1 did it."""
    _write(device, b"HM\1\0")


# Of a file.


def missing(path):
    os.unlink(path)


def empty(path):
    os.truncate(path, 0)


def short(path):
    os.truncate(path, os.path.getsize(path) // 2)


def zeroed(path):
    _write(path, bytes(os.path.getsize(path)))


def foreign(path):
    _write(path, leasefiles.ids(OTHER))


def foreign_area(path):
    name = os.path.basename(path)
    data = (
        leasefiles.sdm(OTHER) if name == "leases" else leasefiles.index(OTHER)
    )
    _write(path, data, leasefiles.MIB)


def another_resource(path):
    sd_id = path.split("/")[-3]
    _write(path, leasefiles.sdm(sd_id, "SPM"), leasefiles.MIB)


def a_link(path):
    os.rename(path, f"{path}.away")
    os.symlink(f"{path}.away", path)


def a_directory(path):
    os.unlink(path)
    os.mkdir(path)


def a_fifo(path):
    os.unlink(path)
    os.mkfifo(path, 0o660)


def _write(path, data, offset=0):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)

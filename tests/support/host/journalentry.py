# SPDX-License-Identifier: GPL-2.0-or-later
import struct


def parse(data):
    """Fields by their names: as systemd-journald reads its protocol."""
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, separator, value = line.partition(b"=")
        if not separator:
            (length,) = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + length], data[8 + length :]
            assert data[:1] == b"\n"
            data = data[1:]
        found[name.decode("ascii")] = value.decode("utf-8")
    return found

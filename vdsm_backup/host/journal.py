# SPDX-License-Identifier: GPL-2.0-or-later
"""
Entries with fields in systemd's journal, by its native protocol:
https://systemd.io/JOURNAL_NATIVE_PROTOCOL/

An entry is one datagram. A field is a line "KEY=value". A field whose value
has several lines is the key, a LF, the length of the value as a little endian
number of 64 bits, the value, and a LF. What we write is found by

    journalctl SYSLOG_IDENTIFIER=vdsm-backup-domain -o verbose
"""

from __future__ import annotations

import socket
import struct

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "vdsm-backup-domain"

# syslog(3)
ERR = 3
WARNING = 4
NOTICE = 5

# Bytes of a value; a longer one loses its beginning. A datagram larger than
# the buffer of a socket is refused, and a longer trace says nothing that its
# end does not say.
MAX_VALUE = 16 * 1024


def send(
    message: str, priority: int, path: str = SOCKET, /, **fields: object
) -> bool:
    """
    Send one entry. Never waits.

    priority: as in syslog(3). path: the socket. fields: more fields, whose
    names get the prefix VDSM_BACKUP_; one that is None is left out.

    Returns whether the journal has taken the entry. A host without a journal,
    or with one that does not take it, must not keep us from answering.
    """
    entry: dict[str, object] = {
        "MESSAGE": message,
        "PRIORITY": priority,
        "SYSLOG_IDENTIFIER": IDENTIFIER,
    }
    for name, value in fields.items():
        entry[f"VDSM_BACKUP_{name.upper()}"] = value
    data = b"".join(_field(k, v) for k, v in entry.items() if v is not None)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(data, path)
    except OSError:
        return False
    return True


def _field(name: str, value: object) -> bytes:
    data = str(value).encode("utf-8", "backslashreplace")[-MAX_VALUE:]
    key = name.encode("ascii")
    if b"\n" in data:
        return key + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return key + b"=" + data + b"\n"

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Entries with fields in systemd's journal, by its native protocol:
https://systemd.io/JOURNAL_NATIVE_PROTOCOL/

One datagram an entry, a line "KEY=value" a field; a value of several lines is
the key, a LF, the length as 64 bit little endian, the value.

    journalctl SYSLOG_IDENTIFIER=vdsm-backup-domain -o verbose
"""

import socket
import struct

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "vdsm-backup-domain"

# syslog(3)
ERR = 3
WARNING = 4
NOTICE = 5

# A datagram larger than the buffer of a socket is refused; a longer trace
# says nothing that its end does not say.
MAX_VALUE = 16 * 1024


def send(message, priority, path=SOCKET, **fields):
    """
    One entry; names of fields get the prefix VDSM_BACKUP_. Never waits.

    Returns whether the journal has it: a host without one, or with one that
    does not take it, must not keep us from answering.
    """
    entry = {
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


def _field(name, value):
    data = str(value).encode("utf-8", "backslashreplace")[-MAX_VALUE:]
    key = name.encode("ascii")
    if b"\n" in data:
        return key + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return key + b"=" + data + b"\n"

# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be said of VDSM on this host without importing it."""

import errno
import socket

# The host has no such address, so nobody can listen there: "localhost" is
# ::1 too, also where IPv6 is switched off.
_NO_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def vdsm_listens(host, port, timeout=2):
    """
    Does VDSM run. Only a refused connection says no; whatever else happens,
    it may be running.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return True
    answers = {_connect(f[0], f[4], timeout) for f in found}
    return answers - _NO_ADDRESS != {errno.ECONNREFUSED}


def _connect(family, address, timeout):
    """0, or the error of a TCP connection; None if there was no answer."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(timeout)
            s.connect(address)
    except OSError as e:
        return e.errno
    return 0

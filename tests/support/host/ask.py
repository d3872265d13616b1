# SPDX-License-Identifier: GPL-2.0-or-later
"""
Asks one question about this host in a process of its own, which may be in
another place or another user's: python -m tests.support.host.ask QUESTION ...
"""

import json
import socket
import sys

from vdsm_backup import config, errors
from vdsm_backup.host import mounts, vdsm_running
from vdsm_backup.processes import directories
from vdsm_backup.vm import links


def guard_mode(path):
    """Of a configuration, or what is wrong with it: [path, message]."""
    try:
        print(json.dumps([config.load(path).guard_mode, None]))
    except errors.ConfigInvalid as e:
        print(json.dumps([e.path, str(e)]))


def mount_of(path):
    """And whether other mounts are known."""
    table = mounts.table()
    print(len(table) > 3, links.mount_of(path, table), mounts.where(path))


def why_denied(path):
    print(directories.why(PermissionError(13, "denied"), path))


def vdsm_listens(*listen):
    """On an address of "localhost", of which the other one is not there."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    if listen:
        server.listen()
    port = server.getsockname()[1]
    socket.getaddrinfo = lambda *args, **kwargs: [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]
    print(vdsm_running.vdsm_listens("localhost", port))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Says whether VDSM listens on an address of "localhost", of which the other one
is not there.

    python -m tests.support.host.listening [listen]
"""

import socket
import sys

from vdsm_backup.host import vdsm_client

if __name__ == "__main__":
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    if sys.argv[1:]:
        server.listen()
    port = server.getsockname()[1]
    socket.getaddrinfo = lambda *args, **kwargs: [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]
    print(vdsm_client.vdsm_listens("localhost", port))

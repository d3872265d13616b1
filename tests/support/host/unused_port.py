# SPDX-License-Identifier: GPL-2.0-or-later
"""A TCP port of this host, on which nobody listens at any of its addresses."""

import socket

from tests.support.closing import Closing


class UnusedPort(Closing):
    """
    number: of the port. While this is open, nobody gets the port who asks for
    one that is free, also at an address of their own, as each sshd here has.
    """

    def __init__(self):
        self._socket = socket.socket()
        # It stays free for listen(): none of the two sockets listens yet.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("", 0))
        self.number = self._socket.getsockname()[1]
        self._server = None

    def listen(self):
        """From now on somebody does, on loopback."""
        self._server = socket.create_server(("127.0.0.1", self.number))

    def close(self):
        if self._server:
            self._server.close()
        self._socket.close()

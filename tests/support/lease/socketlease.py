# SPDX-License-Identifier: GPL-2.0-or-later
import socket

from vdsm_backup import errors


class SocketLease:
    """
    A lease that is a socket: who has it open has the lease.

    lost: whether check() says so.
    """

    host_id = 7

    def __init__(self):
        self._watch, self._lease = socket.socketpair()
        self._watch.setblocking(False)
        self.fd = self._lease.fileno()
        self.lost = False

    def check(self):
        if self.lost:
            raise errors.LeaseLost("the domain")

    def is_certain(self):
        return True

    def release(self):
        """By this process; others may have it still."""
        self._lease.close()

    def ended(self):
        """Whether nobody has it any more."""
        try:
            return self._watch.recv(1) == b""
        except BlockingIOError:
            return False

    def close(self):
        self._watch.close()
        self._lease.close()

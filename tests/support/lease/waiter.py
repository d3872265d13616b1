# SPDX-License-Identifier: GPL-2.0-or-later
"""
A process with a Registration that says, for each line of its input, whether
the registration is lost. Of its own, since it blocks SIGTERM: Registration
reads whom it is from.

    python -m tests.support.lease.waiter SOCKET

SOCKET: of a listener, which it takes for the daemon.
"""

import signal
import socket
import sys

from vdsm_backup.lease.connection import Registration

if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(sys.argv[1])
    registration = Registration(sock.detach())
    print("ready", flush=True)
    for _ in sys.stdin:
        print(registration.lost(), flush=True)

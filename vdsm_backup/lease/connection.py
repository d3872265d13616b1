# SPDX-License-Identifier: GPL-2.0-or-later
"""
The connection to sanlock that owns the lease: the fence.

sanlock frees a lease when the *connection* ends (src/main.c,
client_pid_dead()), and that is when the last process that has its file
descriptor has ended, not when the process that made it has. So the descriptor
goes from the holder to the tool and from there to the writer and to all that
the writer starts, and nobody ever releases the lease in so many words.

Where sanlock loses the storage it sends SIGTERM to the process that made the
connection, each second, then SIGKILL, and cannot finish before the connection
has ended; a host that it cannot finish on is reset by the watchdog. A writer
that is stuck in the kernel would bring that about. So the holder, as long as
anybody has the descriptor, keeps its own, and ends the connection for all by
shutdown() when that signal comes.
"""

import os
import select
import signal
import socket
import struct


class Registration:
    def __init__(self, fd):
        # sanlock's library makes it inheritable (src/client.c).
        os.set_inheritable(fd, False)
        self._sock = socket.socket(fileno=fd)
        credentials = self._sock.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
        )
        self._daemon = struct.unpack("3i", credentials)[0]
        self._lost = False

    def fileno(self):
        return self._sock.fileno()

    def hang_up(self):
        """End the connection for every process that has it."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            # Ended by the other side before.
            if not ended(self._sock):
                raise

    def close(self):
        """For us. The others keep the lease."""
        self._sock.close()

    def lost(self):
        """sanlock wants the lease back, or has ended. Once lost, for ever."""
        told = self._told_to_end()
        self._lost = self._lost or told or ended(self._sock)
        return self._lost

    def shared(self):
        """
        Whether another process has the descriptor. Where we may not look
        into a process (as a user, one of root's) it counts as not having it.
        """
        wanted = os.readlink(f"/proc/self/fd/{self.fileno()}")
        return any(
            wanted in _files(pid)
            for pid in os.listdir("/proc")
            if pid.isdecimal() and int(pid) != os.getpid()
        )

    def _told_to_end(self):
        """
        Reads the SIGTERMs that came, which are blocked. Those of others than
        sanlock mean nothing: the lease ends with the writer, not before.
        """
        told = False
        while True:
            info = signal.sigtimedwait([signal.SIGTERM], 0)
            if info is None:
                return told
            told = told or self._is_sanlock(info.si_pid)

    def _is_sanlock(self, pid):
        # The daemon, or its helper process, which does the killing for it
        # (src/helper.c).
        return self._daemon in (pid, _parent(pid))


def ended(sock):
    """Whether a connection is over, for us or altogether."""
    poll = select.poll()
    poll.register(sock, 0)
    return bool(poll.poll(0))


def _files(pid):
    directory = f"/proc/{pid}/fd"
    found = set()
    try:
        for fd in os.listdir(directory):
            try:
                found.add(os.readlink(f"{directory}/{fd}"))
            except FileNotFoundError:
                continue
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # It ended, or is not ours to look into.
        pass
    return found


def _parent(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            return int(f.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None

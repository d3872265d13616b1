# SPDX-License-Identifier: GPL-2.0-or-later
"""
The connection to sanlock that owns the lease: the fence.

The problem
===========

A process that writes can get stuck. A write is a system call, and where the
storage hangs, the kernel keeps the process in that call. No signal ends it,
not even SIGKILL. When the storage comes back, minutes or days later, the
write is carried out.

So this must never happen: the lease is free, for another host or for another
run on this host, while there is a process that may still write. Nothing that
one of our processes *does* at its end can ensure that. The tool, the holder
and the writer can each be killed at any point, and then they do nothing any
more. It must be the end of the processes itself that ends the lease.

What sanlock does
=================

(Files and functions are those of sanlock 3.8.5.)

*A lease belongs to a connection, not to a process.* sanlock_register() in
src/client.c connects a Unix socket to the daemon, and a later acquire() takes
the lease for that connection. The daemon frees the lease when it finds that
the other end of the socket was closed: main_loop() and client_pid_dead() in
src/main.c. The kernel closes that end with the last file descriptor for it,
and a process has its descriptors until it has really ended. A process that
was killed, and is stuck in the kernel, has not ended.

*The daemon knows one pid for a connection.* It asks the kernel once who made
the connection: get_peer_pid(), called in src/cmd.c for SM_CMD_REGISTER. It
does not notice that other processes have got the descriptor.

*A host that loses the storage kills.* When the host id was not renewed for 8
I/O timeouts (check_our_lease() in src/lockspace.c), kill_pids() in src/main.c
sends a signal, each second, to that one pid of every connection that has a
lease in the lockspace. This is SIGTERM for kill_grace_seconds (40), then
SIGKILL. The daemon's helper process sends it (run_helper() in src/helper.c).
The daemon is finished with the lockspace when all these connections have
ended (all_pids_dead()). If that takes too long, the watchdog resets the host,
and all VMs on it are gone.

What follows for us
===================

*The descriptor is handed on.* The holder registers and acquires the lease. It
sends the descriptor to the tool. The tool sends it to the writer, before it
says what to write, and the writer makes it its stdin and stdout. All that the
writer starts inherits it. None of them ever asks sanlock to release the lease.
The lease ends when the last process that has the descriptor has ended. On its
way from one process to another the descriptor is open, too.

*Nobody has it by chance.* sanlock's library makes the descriptor inheritable.
A process that was started for something else could inherit it, and keep the
lease alive. So Registration makes the descriptor not inheritable, and each
process that shall have it is given it. That keeps it from a program that is
executed, and not from a process that is forked (below).

*The holder is the one that is told.* It made the connection, so the signals
go to it and not to the writer. It touches no shared storage, so it is never
stuck. But the connection does not end with the holder while a stuck writer
has the descriptor too, and the watchdog would reset the host. So the holder
stays as long as anybody else has the descriptor (shared()). When SIGTERM
comes from sanlock (lost()), the holder ends the connection for all processes
at once, by shutdown(2) (hang_up()). A SIGTERM from anybody else means
nothing: the lease ends with the writer, not before.

*The tool sees the loss by its own copy of the descriptor*: see ended(), and
Held.check() in client.py. So does the writer before it commits, since the
tool leads it (change/write.py).

Where processes are forked
==========================

In a change, the holder and the writer are forked by one interpreter
(processes/fork_server.py), so that Python starts once for both. All of the
above goes on to hold:

*The fork server never has the descriptor.* When it forks the holder, there is
no registration. From the holder to the tool, and from there to the writer, the
descriptor goes over sockets between these two, which the fork server has
closed. So it keeps no lease alive, however long it lives.

*Who is forked has what it is given.* The first thing that a forked process
does is to close all other files (processes/forked.py). The fork server has the
files of no older child by then. The writer forks its worker, which is given
the descriptor as stdout. The holder forks nothing: what it starts is executed.

*sanlock knows the holder.* The holder connects to the daemon after it was
forked, so the pid that the daemon has is the holder's. It blocks SIGTERM
before that. It has one thread at its start, and none of the fork server's.

*The holder touches no shared storage, and ends last.* The fork server touches
none either: it is started before it has any file, in the root directory, and
what hangs is in its children. It waits for none of them. When it ends or is
killed, its children go on, since nothing of theirs depends on it: each has a
session of its own, and sockets to the tool.

*No process writes without the descriptor.* The writer asks the tool before
each step, and does so only after it has received the descriptor. If the tool
ends while the descriptor is on its way, shared() does not see it, since it is
in no process. But then nobody lets that writer go on, and it ends as soon as
it runs.

What is not fenced
==================

After hang_up() a stuck writer lives on without the lease. This host makes no
other change until that writer has ended: the holder stays until then, and
with it the lock in records.py. Another host gets the lease when our host id
counts as dead, 8 I/O timeouts and 60 seconds after its last renewal
(calc_host_dead_seconds() in src/timeouts.c). If the storage comes back to
this host after that, the write is still carried out (docs/format.md, Locks).

A writer that somebody has stopped before it has received the descriptor keeps
the lease alive by the descriptor in its socket. If the tool is killed then,
the holder ends, and sanlock has nobody to tell of a loss: it would reset the
host. That writer writes nothing, as nobody lets it go on.

sanlock sends SIGKILL without SIGTERM where kill_grace_seconds is 0, which is
the default if the watchdog fires in less than 30 seconds (setup_timeouts() in
src/timeouts.c), and where somebody removes the lockspace without `unused`.
The holder cannot hang up then. A writer that is stuck at that time means a
reset.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct


class Registration:
    """
    The holder's side of the connection.

    SIGTERM must be blocked in all threads: lost() reads it.
    """

    def __init__(self, fd: int) -> None:
        """fd: what sanlock.register() returned; it is ours now."""
        # sanlock's library makes it inheritable (src/client.c).
        os.set_inheritable(fd, False)
        self._sock = socket.socket(fileno=fd)
        credentials = self._sock.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
        )
        # The pid of pid, uid and gid.
        self._daemon: int = struct.unpack("3i", credentials)[0]
        self._lost = False

    def fileno(self) -> int:
        return self._sock.fileno()

    def hang_up(self) -> None:
        """End the connection for every process that has it."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The other side has ended the connection before us.
            if not ended(self._sock):
                raise

    def close(self) -> None:
        """Give up our descriptor. The other processes keep the lease."""
        self._sock.close()

    def lost(self) -> bool:
        """
        Whether sanlock has asked for the lease, or has ended the connection.
        Once lost, lost for ever.
        """
        told = self._told_to_end()
        self._lost = self._lost or told or ended(self._sock)
        return self._lost

    def shared(self) -> bool:
        """
        Whether another process has the descriptor. A process that we may not
        see into (we are a user, and it is root's) counts as not having it.
        """
        wanted = os.readlink(f"/proc/self/fd/{self.fileno()}")
        return any(
            wanted in _files(int(pid))
            for pid in os.listdir("/proc")
            if pid.isdecimal() and int(pid) != os.getpid()
        )

    def _told_to_end(self) -> bool:
        """Read all SIGTERMs that came. Returns whether one is by sanlock."""
        told = False
        while True:
            info = signal.sigtimedwait([signal.SIGTERM], 0)
            if info is None:
                return told
            told = told or self._is_sanlock(info.si_pid)

    def _is_sanlock(self, pid: int) -> bool:
        # The daemon, or its helper process, which does the killing for it
        # (src/helper.c).
        return self._daemon in (pid, _parent(pid))


def ended(sock: socket.socket | int) -> bool:
    """
    Whether a connection is over: the other side has closed it, or one of
    the processes on this side has shut it down.
    """
    poll = select.poll()
    # No events are asked for: POLLHUP and POLLERR are always given.
    poll.register(sock, 0)
    return bool(poll.poll(0))


def _files(pid: int) -> set[str]:
    """What the descriptors of a process are, as /proc names it."""
    directory = f"/proc/{pid}/fd"
    found = set()
    try:
        for fd in os.listdir(directory):
            try:
                found.add(os.readlink(f"{directory}/{fd}"))
            except FileNotFoundError:
                continue
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # The process has ended, or we may not see its descriptors.
        pass
    return found


def _parent(pid: int) -> int | None:
    """Parent of a process; None if the process has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            return int(f.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None

# SPDX-License-Identifier: GPL-2.0-or-later
"""
A mount namespace in which a process of ours sees other files: what it always
uses by the same path, such as the journal's socket and sudo's rules.

    with namespace.Namespace() as ns:
        ns.bind("/dir/passwd", "/etc/passwd")
        subprocess.run([*ns.enter(), "command", ...])

Nobody outside sees them, and the kernel takes them away with the last process
in it.
"""

import functools
import os
import re
import socket
import subprocess

import pytest

from tests.support.closing import Closing
from tests.support.host import journalentry
from vdsm_backup.host import journal


@functools.lru_cache
def missing():
    """Why there can be none here, or ""."""
    if os.geteuid() != 0:
        return "a mount namespace needs root"
    try:
        with Namespace():
            return ""
    except (OSError, RuntimeError) as e:
        return f"there can be no mount namespace: {e}"


class Namespace(Closing):
    """Its /run is new and empty."""

    def __init__(self):
        # Its end, also by our death, ends the shell.
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c"]
            + ["mount -t tmpfs -o mode=755 tmpfs /run && echo up && read end"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if self._process.stdout.readline() != b"up\n":
            self.close()
            raise RuntimeError("a mount was refused")

    def close(self):
        self._process.communicate()

    def enter(self, user=None):
        """
        A command that runs another one inside. user: (uid, gid) for it, with
        no other groups.
        """
        command = ["nsenter", f"--mount=/proc/{self._process.pid}/ns/mnt"]
        if user:
            command += [f"--setuid={user[0]}", f"--setgid={user[1]}"]
        return [*command, "--"]

    def bind(self, path, target):
        """A file or directory of the host in place of another one."""
        if os.path.isdir(path):
            self.run("mkdir", "-p", target)
        self.run("mount", "--bind", path, target)

    def own_dev(self):
        """Its /dev has what programs expect there, and takes more."""
        self.run("sh", "-ec", _OWN_DEV)

    def run(self, *command):
        subprocess.run([*self.enter(), *command], check=True)


_OWN_DEV = """
mkdir /run/dev
mount --rbind /dev /run/dev
mount -t tmpfs -o mode=755 tmpfs /dev
for name in null zero full random urandom tty; do
    touch /dev/$name
    mount --bind /run/dev/$name /dev/$name
done
ln -s /proc/self/fd /dev/fd
"""


class Syslog:
    """
    Takes what others say by syslog(3), as a daemon does at /dev/log: ten
    lines before they are read, by the kernel's limit.
    """

    def __init__(self, directory):
        self._path = os.path.join(directory, "log")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._path)
        os.chmod(self._path, 0o666)
        self._socket.setblocking(False)

    def put_into(self, ns):
        """ns: one with its own_dev()."""
        ns.run("touch", "/dev/log")
        ns.bind(self._path, "/dev/log")

    def close(self):
        self._socket.close()

    def lines(self):
        """[(facility, priority, who, text), ...] since the last time."""
        found = []
        while True:
            try:
                data = self._socket.recv(1 << 20)
            except BlockingIOError:
                return found
            # <PRI>Mmm dd hh:mm:ss NAME[PID]: TEXT
            match = _SYSLOG.fullmatch(data.rstrip(b"\0").decode())
            number = int(match[1])
            found.append((number // 8, number % 8, match[2], match[3]))


_SYSLOG = re.compile(r"<(\d+)>.{15} ([^:\[]+)(?:\[\d+\])?: (.*)", re.S)


class Journal:
    """Takes the entries that others send, as systemd's journald does."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(directory, os.path.basename(journal.SOCKET))
        self._socket.bind(path)
        os.chmod(path, 0o666)
        self._socket.setblocking(False)

    def put_into(self, ns):
        ns.bind(self.directory, os.path.dirname(journal.SOCKET))

    def close(self):
        self._socket.close()

    def entries(self):
        """What was sent since the last time, fields by their names."""
        found = []
        while True:
            try:
                found.append(journalentry.parse(self._socket.recv(1 << 20)))
            except BlockingIOError:
                return found


needs_namespace = pytest.mark.skipif(bool(missing()), reason=missing())

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Daemons that a test cannot tell where to listen, to log or to keep their
sockets: they get a network, pids, a /run and a /var/log of their own.

    with island.Island() as isle:
        isle.start("glusterd", ...)         # in there
        isle.run("gluster", ...)
        isle.mount(point, "glusterfs", ...) # a FUSE mount that all can see

Nothing of it can be reached from outside but by its mounts. Its daemons end
with it, also when the test run is killed: the kernel ends them with the first
one, which ends when our end of its standard input is closed. The mounts that
are left then, and who serves them, are taken away by the next run.
"""

import functools
import os
import shutil
import signal
import subprocess

from tests.support import rundir
from tests.support.closing import Closing
from tests.support.processes import proc
from tests.support.waiting import wait_until
from vdsm_backup.host import mounts

_TIMEOUT = 60

_INSIDE = ("--net", "--mount", "--pid")

# Its own /run is the directory "run", its /var/log the directory "log". The
# shell is bash: as the first process it takes away those that have ended and
# whose parent is gone. libvirtd waits for that.
_BEGIN = """
ip link set lo up &&
mount --bind run /run && mount --bind log /var/log && echo up && read end
"""


@functools.lru_cache
def missing(*commands):
    """Why there can be no island here with these commands; "" if there can."""
    if os.geteuid() != 0:
        return "namespaces and FUSE mounts need root"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "no FUSE: /dev/fuse cannot be opened"
    names = ["unshare", "nsenter", "ip", *commands]
    absent = [name for name in names if not shutil.which(name)]
    if absent:
        return f"not installed: {', '.join(absent)}"
    try:
        with Island():
            return ""
    except RuntimeError as e:
        return str(e)


class Island(Closing):
    """
    dir: a directory for it, which it sees where we see it.
    env: of all that is started in it.
    """

    def __init__(self):
        self.dir = rundir.make("island")
        self.env = dict(os.environ)
        for own in ("run", "log"):
            os.mkdir(self.path(own))
        self._daemons = []
        self._process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc"]
            + ["--kill-child", "bash", "-c", _BEGIN],
            cwd=self.dir,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self._process.stdout.readline() != "up\n":
            said = self._process.stderr.read().strip()
            self.close()
            raise RuntimeError(f"there can be no namespaces: {said}")
        (self._first,) = proc.children(self._process.pid)
        with open(self.path("first"), "w") as f:
            f.write(f"{self._first} {rundir.start_time(self._first)}")

    def close(self):
        _end(self.dir)
        with self._process:
            self._process.stdin.close()
        for daemon in self._daemons:
            daemon.wait()
        rundir.remove(self.dir)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def inside(self):
        """A command that runs another one in there."""
        return self._enter(_INSIDE, [])

    def start(self, *command):
        """A daemon that stays in the foreground: a Popen."""
        return self._daemon(_INSIDE, command)

    def run(self, *command, timeout=_TIMEOUT):
        """What the command says, once it has ended well."""
        command = self._enter(_INSIDE, command)
        # Not a pipe, which daemons would keep open.
        with open(self.path("said"), "w+", errors="replace") as said:
            done = subprocess.run(
                command,
                cwd=self.dir,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=timeout,
            )
            said.seek(0)
            text = said.read()
        if done.returncode:
            raise RuntimeError(f"{command}: {text}")
        return text

    def wait(self, said, *command):
        """Until the command says so."""
        heard = []

        def says():
            try:
                heard.append(self.run(*command))
            except RuntimeError as e:
                heard.append(str(e))
                return False
            return said in heard[-1]

        def what():
            return f"{command} says {said!r}: {heard[-1]}"

        wait_until(says, _TIMEOUT, what, pause=0.1)

    def mount(self, point, *command):
        """
        By a daemon that stays in the foreground. It has our pids and mounts:
        the kernel tells it who locks a file, and cannot where the daemon has
        pids of its own (fcntl is EOVERFLOW then).
        """
        daemon = self._daemon(["--net"], command)
        with open(self.path("mounts"), "a") as f:
            f.write(f"{daemon.pid} {rundir.start_time(daemon.pid)} {point}\n")

        def mounted():
            if daemon.poll() is not None:
                raise RuntimeError(f"not mounted: {self._said(command)}")
            return point in {m.point for m in mounts.table()}

        wait_until(mounted, _TIMEOUT, lambda: self._said(command))

    def _enter(self, namespaces, command):
        return ["nsenter", f"--target={self._first}", *namespaces, *command]

    def _daemon(self, namespaces, command):
        with open(self.path("log", f"{command[0]}.out"), "a") as log:
            daemon = subprocess.Popen(
                self._enter(namespaces, command),
                cwd=self.dir,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._daemons.append(daemon)
        return daemon

    def _said(self, command):
        with open(self.path("log", f"{command[0]}.out")) as f:
            return f.read()


def clean_stale(path):
    """End what the Island whose directory this is has left."""
    if os.path.basename(path).startswith("island-"):
        _end(path)


def _end(path):
    for words in _lines(path, "first"):
        _kill(*words)
    table = {mount.point for mount in mounts.table()}
    for pid, started, point in _lines(path, "mounts"):
        _kill(pid, started)
        if point in table:
            # Nobody answers there any more, but somebody may be in it.
            subprocess.run(["umount", "-l", point], check=True)


def _kill(pid, started):
    def ended():
        try:
            if rundir.start_time(pid) != started or proc.state(pid) == "Z":
                return True
            os.kill(int(pid), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            return True
        return False

    wait_until(ended, _TIMEOUT, f"the end of {pid}")


def _lines(path, name):
    try:
        with open(os.path.join(path, name)) as f:
            return [line.split() for line in f]
    except FileNotFoundError:
        return []

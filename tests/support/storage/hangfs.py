# SPDX-License-Identifier: GPL-2.0-or-later
"""
A file system that hangs or fails on demand: a FUSE mount of a directory.

    with hangfs.Hangfs() as fs:
        fs.hang("read")                         # every read waits
        fs.fail("write", errno.ENOSPC, "meta")  # only names that begin so
        ...                                     # use fs.mount
        fs.wait_stuck("read")                   # until somebody does
        fs.clear()                              # all goes on

`fs.root` is the directory behind it: there one sees what is really stored,
also while the mount hangs. Files have the owner and mode that they would have
anywhere.

Rename is atomic in `fs.root`. Through the mount, who looks a name up while it
is renamed over may be told ENOENT for a moment, and so is fstat of a file that
was renamed over while it was open: libfuse forgets the old file's path.
Gluster and NFS do the same. A rename that hangs is held by libfuse with both
its names: whoever looks them up through the mount hangs too.
"""

import contextlib
import errno
import json
import os
import subprocess
import sys

from tests.support import rundir
from tests.support.closing import Closing
from tests.support.processes import proc
from tests.support.waiting import TIMEOUT, wait_until

SERVER = os.path.join(os.path.dirname(__file__), "hangfs_server.py")
FUSECTL = "/sys/fs/fuse/connections"

OPS = frozenset(
    """
    getattr readlink mkdir rmdir symlink link rename unlink chmod chown
    truncate utimens statfs readdir open create read write fsync fsyncdir
    getxattr
    """.split()
)


def missing():
    """Why there can be no Hangfs here; None if there can."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "no FUSE: /dev/fuse cannot be opened"
    try:
        import mfusepy  # noqa: F401
    except (ImportError, OSError) as e:
        return f"no FUSE: {e}"
    return None


class Hangfs(Closing):
    """
    root: the directory behind it, of another Hangfs: a second mount of that.
    None: a new one.
    names_kept: seconds for which the kernel believes what a name is.
    """

    def __init__(self, root=None, names_kept=0):
        self._names_kept = names_kept
        self._dir = rundir.make("hangfs")
        self.root = os.path.join(self._dir, "root")
        self.mount = os.path.join(self._dir, "mnt")
        self._control = os.path.join(self._dir, "control")
        for path in (self.mount, self._control):
            os.mkdir(path)
        if root:
            os.symlink(root, self.root)
        else:
            os.mkdir(self.root)
        self._server = self._start()
        try:
            wait_until(self._is_mounted, what=self._log)
        except BaseException:
            self.close()
            raise

    def hang(self, op, name=""):
        """Let `op` wait on files whose name begins with `name`."""
        self._order(op, {"name": name})

    def fail(self, op, error, name=""):
        """Let `op` fail with an errno on files whose name begins so."""
        self._order(op, {"name": name, "errno": error})

    def late(self, error, name=""):
        """
        Let a rename fail with an errno, and carry it out when it is cleared:
        a server that answered too late, or to nobody. stuck("late") counts
        those that are to come.
        """
        self._order("rename", {"name": name, "errno": error, "late": True})

    def replaced(self, op, error, name):
        """
        Let `op` on files whose name begins so fail until the kernel looks such
        a name up: another host has replaced them.
        """
        for what, number in [(op, error), ("getxattr", errno.ESTALE)]:
            order = {"name": name, "errno": number, "looked_up": True}
            self._order(what, order)

    def orders(self):
        """The operations that have an order now."""
        return os.listdir(self._control)

    def order(self, op):
        """The file that makes `op` hang or fail, for who cannot clear()."""
        return os.path.join(self._control, op)

    def clear(self, op=None):
        """Let `op`, or all, go on, those that wait too."""
        for name in [op] if op else self.orders():
            _unlink(self.order(name))

    def stuck(self, op):
        """How many calls of `op` wait now."""
        return sum(n.startswith(f"{op}-") for n in os.listdir(self._dir))

    def wait_stuck(self, op, timeout=TIMEOUT):
        what = f"somebody comes to {op}"
        wait_until(lambda: self.stuck(op), timeout, what)

    def close(self):
        clean_stale(self._dir)
        self._server.wait()
        rundir.remove(self._dir)

    def _order(self, op, order):
        if op not in OPS:
            raise ValueError(f"no such operation: {op}")
        # By rename: the server never reads half of it.
        path = os.path.join(self._dir, "order")
        with open(path, "w") as f:
            json.dump(order, f)
        os.rename(path, self.order(op))

    def _start(self):
        with open(os.path.join(self._dir, "log"), "w") as log:
            return subprocess.Popen(
                [sys.executable, SERVER, self._dir, str(self._names_kept)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _is_mounted(self):
        if self._server.poll() is not None:
            raise RuntimeError(f"hangfs has ended: {self._log()}")
        return _connection(self.mount) is not None

    def _log(self):
        with open(os.path.join(self._dir, "log")) as log:
            return log.read()


def clean_stale(path):
    """End what the Hangfs whose directory this is has left."""
    if not os.path.basename(path).startswith("hangfs-"):
        return
    mount = os.path.join(path, "mnt")
    connection = _connection(mount)
    if connection is not None:
        _abort(connection)
    # When the server is gone the kernel ends every call that waits for it, so
    # this is enough where fusectl is not mounted and we may not mount it.
    _kill_server(path)
    while _connection(mount) is not None:
        _unmount(mount)


def _abort(connection):
    if not os.listdir(FUSECTL) and os.geteuid() == 0:
        cmd = ["mount", "-t", "fusectl", "fusectl", FUSECTL]
        subprocess.run(cmd)
        # Another process may have done it just now.
        if not os.listdir(FUSECTL):
            raise RuntimeError("fusectl cannot be mounted")
    try:
        with open(f"{FUSECTL}/{connection}/abort", "w") as f:
            f.write("1")
    except FileNotFoundError:
        pass  # Its server is gone already, or there is no fusectl.


def _kill_server(path):
    # It may never have started.
    with contextlib.suppress(FileNotFoundError):
        with open(os.path.join(path, "server")) as f:
            proc.kill_recorded(*f.read().split())


def _unmount(mount):
    if os.geteuid() == 0:
        cmd = ["umount", "-l", mount]
    else:
        cmd = ["fusermount", "-u", "-z", mount]
    subprocess.run(cmd, check=True)


def _connection(mount):
    """
    The FUSE connection of the mount: the minor number of its device. Not by
    stat, which could hang.
    """
    with open("/proc/self/mountinfo") as f:
        for line in f:
            fields = line.split()
            if fields[4] == mount:
                return int(fields[2].split(":")[1])
    return None


def _unlink(path):
    try:
        os.unlink(path)
    except OSError as e:
        if e.errno != errno.ENOENT:
            raise

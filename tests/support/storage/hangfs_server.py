# SPDX-License-Identifier: GPL-2.0-or-later
"""
The server of hangfs.py: passes everything to DIR/root, by the orders found in
DIR/control. Run as: hangfs_server.py DIR NAMES_KEPT
"""

import contextlib
import json
import os
import sys
import threading
import time

import mfusepy

POLL = 0.01


class PassThrough(mfusepy.Operations):
    use_ns = True
    # Reads and writes go on when their file was renamed over or unlinked.
    flag_nopath = 1
    flag_nullpath_ok = 1

    def __init__(self, base):
        self._base = base
        self._root = os.path.join(base, "root")
        self._names = {}

    # By path.

    def getattr(self, path, fh=None):
        if fh is None:
            self._looked_up(path)
        path = self._gate("getattr", path, fh)
        st = os.lstat(path) if fh is None else os.fstat(fh)
        attrs = {
            key: getattr(st, key)
            for key in dir(st)
            if key.startswith("st_") and not key.endswith("time_ns")
        }
        for key in ("st_atime", "st_mtime", "st_ctime"):
            attrs[key] = getattr(st, f"{key}_ns")
        return attrs

    def readlink(self, path):
        return os.readlink(self._gate("readlink", path))

    def mkdir(self, path, mode):
        path = self._gate("mkdir", path)
        os.mkdir(path, mode)
        self._own(path)

    def rmdir(self, path):
        os.rmdir(self._gate("rmdir", path))

    def symlink(self, target, source):
        target = self._gate("symlink", target)
        os.symlink(source, target)
        self._own(target)

    def link(self, target, source):
        os.link(self._root + source, self._gate("link", target))

    def rename(self, old, new):
        order = self._order("rename", old)
        if order and order.get("late"):
            self._rename_late(old, new)
        os.rename(self._gate("rename", old), self._root + new)

    def unlink(self, path):
        os.unlink(self._gate("unlink", path))

    def chmod(self, path, mode):
        os.chmod(self._gate("chmod", path), mode)

    def chown(self, path, uid, gid):
        os.chown(self._gate("chown", path), uid, gid, follow_symlinks=False)

    def utimens(self, path, times=None):
        os.utime(self._gate("utimens", path), ns=times, follow_symlinks=False)

    def getxattr(self, path, name, position=0):
        return os.getxattr(self._gate("getxattr", path), name)

    def statfs(self, path):
        st = os.statvfs(self._gate("statfs", path))
        return {key: getattr(st, key) for key in dir(st) if key[:2] == "f_"}

    # By file handle.

    def open(self, path, flags):
        # O_APPEND: the kernel says where to write. O_DIRECT: our buffers are
        # not aligned.
        flags &= ~(os.O_APPEND | os.O_DIRECT)
        real = self._gate("open", path)
        if flags & os.O_TRUNC:
            # libfuse 3 asks for both in one; libfuse 2 calls truncate.
            self._gate("truncate", path)
        return self._opened(path, os.open(real, flags))

    def create(self, path, mode, flags):
        real = self._gate("create", path)
        # Readable and writable: the kernel checked what the caller may do.
        flags = os.O_RDWR | os.O_CREAT | flags & os.O_EXCL
        fh = os.open(real, flags, mode)
        self._own(real)
        return self._opened(path, fh)

    def read(self, path, size, offset, fh):
        self._gate("read", path, fh)
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        self._gate("write", path, fh)
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        real = self._gate("truncate", path, fh)
        os.truncate(real if fh is None else fh, length)

    def fsync(self, path, datasync, fh):
        self._gate("fsync", path, fh)
        os.fsync(fh)

    def release(self, path, fh):
        self._names.pop(fh, None)
        os.close(fh)

    def opendir(self, path):
        return self._opened(path, os.open(self._root + path, os.O_DIRECTORY))

    def readdir(self, path, fh):
        self._gate("readdir", path, fh)
        # With use_ino a name without its inode number would not be shown.
        with os.scandir(fh) as entries:
            names = [(entry.name, entry.inode()) for entry in entries]
        names += [(".", 1), ("..", 1)]
        return [(name, {"st_ino": inode}, 0) for name, inode in names]

    def fsyncdir(self, path, datasync, fh):
        self._gate("fsyncdir", path, fh)
        os.fsync(fh)

    def releasedir(self, path, fh):
        self.release(path, fh)

    # The orders.

    def _gate(self, op, path, fh=None):
        """Obey an order for this call; then return the real path."""
        if fh is not None:
            path = self._names[fh]
        order = self._order(op, path)
        if order and "errno" not in order:
            order = self._wait(op, path)
        if order:
            raise mfusepy.FuseOSError(order["errno"])
        return self._root + path

    def _wait(self, op, path):
        mark = os.path.join(self._base, f"{op}-{threading.get_ident()}")
        with open(mark, "w"):
            pass
        try:
            while True:
                order = self._order(op, path)
                if not order or "errno" in order:
                    return order
                time.sleep(POLL)
        finally:
            os.unlink(mark)

    def _rename_late(self, old, new):
        """When there is no order any more; it may fail then."""
        mark = os.path.join(self._base, f"late-{time.monotonic_ns()}")
        with open(mark, "w"):
            pass

        def rename():
            while (self._order("rename", old) or {}).get("late"):
                time.sleep(POLL)
            with contextlib.suppress(OSError):
                os.rename(self._root + old, self._root + new)
            os.unlink(mark)

        threading.Thread(target=rename, daemon=True).start()

    def _looked_up(self, path):
        """End the orders that are for what the kernel knew before."""
        for op in os.listdir(os.path.join(self._base, "control")):
            if (self._order(op, path) or {}).get("looked_up"):
                os.unlink(os.path.join(self._base, "control", op))

    def _order(self, op, path):
        try:
            with open(os.path.join(self._base, "control", op)) as f:
                order = json.load(f)
        except FileNotFoundError:
            return None
        name = os.path.basename(path)
        return order if name.startswith(order["name"]) else None

    def _opened(self, path, fh):
        self._names[fh] = path
        return fh

    def _own(self, path):
        uid, gid, _ = mfusepy.fuse_get_context()
        os.chown(path, uid, gid, follow_symlinks=False)


def main(base, names_kept):
    os.umask(0)  # The kernel has applied the caller's.
    pid = os.getpid()
    with open(f"/proc/{pid}/stat") as f:
        started = f.read().rpartition(")")[2].split()[19]
    with open(os.path.join(base, "server"), "w") as f:
        f.write(f"{pid} {started}")
    mfusepy.FUSE(
        PassThrough(base),
        os.path.join(base, "mnt"),
        foreground=True,
        fsname="hangfs",
        # Others may enter only if we are root, or fuse.conf says so.
        allow_other=os.geteuid() == 0,
        default_permissions=True,
        # libfuse would rename an open file away before a rename over it.
        hard_remove=True,
        use_ino=True,
        # 0: each call comes to us, so that each can hang.
        attr_timeout=names_kept,
        entry_timeout=names_kept,
        negative_timeout=0,
    )


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

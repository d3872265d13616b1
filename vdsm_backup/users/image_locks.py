# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: which images of a file domain does qemu have open, anywhere.

qemu marks an image file with OFD byte-range locks (block/file-posix.c): for
each permission n that it uses a shared lock on byte RAW_LOCK_PERM_BASE + n,
n being the bit's number in enum BlockPermission (block/block-common.h):

    100 + 0  BLK_PERM_CONSISTENT_READ  it reads the image
    100 + 1  BLK_PERM_WRITE            it writes to it

(200 + n, RAW_LOCK_SHARED_BASE, is what others must not do; not asked here.)
The file system carries the locks to other hosts. F_OFD_GETLK tells whether a
lock could be taken and takes none. qemu's locks are shared, so only asking for
an exclusive one meets them; a file opened for reading is enough to ask
(measured with qemu 7.2 on ext4, and on Gluster from another mount).

Its argument is the domain's directory. One JSON object a line, flushed after
each image, since it can be killed at any time:

    {"images": 10000}, or {"failed": REASON}
    {"image": UUID, "writing": [VOLUME], "reading": [VOLUME],
     "unseen": {VOLUME: REASON}}
    {"end": true}

An image is a directory of volumes, images/<image>/<volume>. `writing` means
open for writing, `reading` open for reading only. What is not named by a UUID
is not asked: .meta and .lease files, images that VDSM is removing.
"""

import fcntl
import os
import stat
import struct

from vdsm_backup.processes.script_output import say
from vdsm_backup.text import is_uuid

# qemu block/file-posix.c
RAW_LOCK_PERM_BASE = 100

# qemu include/block/block-common.h, numbers of the bits
BLK_PERM_CONSISTENT_READ = 0
BLK_PERM_WRITE = 1

READ = RAW_LOCK_PERM_BASE + BLK_PERM_CONSISTENT_READ
WRITE = RAW_LOCK_PERM_BASE + BLK_PERM_WRITE

# struct flock of a 64 bit kernel, native alignment: l_type, l_whence,
# l_start, l_len, l_pid. l_pid must be 0 for OFD locks, fcntl(2).
_FLOCK = struct.Struct("hhqqi4x")

# O_NONBLOCK: a FIFO, or a lease of another process, does not stop us.
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def main(args):
    """args: the directory of the domain."""
    images = os.path.join(args[0], "images")
    try:
        names = _uuids(images)
    except OSError as e:
        say({"failed": e.strerror})
        names = []
    else:
        say({"images": len(names)})
    for name in names:
        say({"image": name, **look(os.path.join(images, name))})
    say({"end": True})


def look(image):
    """How the volumes of an image are used, and what could not be asked."""
    found = {"writing": [], "reading": [], "unseen": {}}
    try:
        image_fd = os.open(image, _OPEN | os.O_DIRECTORY)
    except FileNotFoundError:
        # Removed meanwhile: nobody uses it.
        return found
    except OSError as e:
        found["unseen"][""] = e.strerror
        return found
    try:
        for volume in _uuids(image_fd):
            _look_at(volume, image_fd, found)
    finally:
        os.close(image_fd)
    return found


def _look_at(volume, image_fd, found):
    try:
        use = _use(volume, image_fd)
    except FileNotFoundError:
        return
    except OSError as e:
        found["unseen"][volume] = e.strerror
        return
    if use:
        found[use].append(volume)


def _use(volume, image_fd):
    """How qemu uses the volume: "writing", "reading", or None."""
    fd = os.open(volume, _OPEN, dir_fd=image_fd)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        # Both bytes at once: most images are not open, and on a network file
        # system each question goes to the server.
        if not _locked(fd, READ, 2):
            return None
        return "writing" if _locked(fd, WRITE, 1) else "reading"
    finally:
        os.close(fd)


def _locked(fd, start, length):
    question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
    answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, question)
    return _FLOCK.unpack(answer)[0] != fcntl.F_UNLCK


def _uuids(directory):
    return sorted(n for n in os.listdir(directory) if is_uuid(n.lower()))

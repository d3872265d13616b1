# SPDX-License-Identifier: GPL-2.0-or-later
"""
A script (processes/scripts.py) that tells which images of a file domain qemu
has open, on any host. It is a process of its own, since the storage can hang.

The locks of qemu
=================

qemu marks an image file that it has open with OFD byte-range locks
(block/file-posix.c). For each permission n that it uses, it has a shared lock
on byte RAW_LOCK_PERM_BASE + n, where n is the number of the bit in enum
BlockPermission (block/block-common.h):

    100 + 0  BLK_PERM_CONSISTENT_READ  qemu reads the image
    100 + 1  BLK_PERM_WRITE            qemu writes to the image

The locks from byte 200 (RAW_LOCK_SHARED_BASE) say what others must not do.
They are of no use here.

The file system carries the locks to other hosts. F_OFD_GETLK tells whether a
lock could be taken, and takes none. qemu's locks are shared, so they are in
the way of an exclusive lock only, and that is what we ask for. To ask, it is
enough to open the file for reading (measured with qemu 7.2 on ext4, and on
Gluster from another mount).

What the script says
====================

The argument is the directory of the domain. The script says one JSON object a
line:

    {"images": 10000}, or {"failed": REASON}
    {"image": UUID, "writing": [VOLUME], "reading": [VOLUME],
     "unseen": {VOLUME: REASON}}
    {"end": true}

An image is a directory of volumes, images/<image>/<volume>. `writing` has the
volumes that are open for writing, `reading` those that are open for reading
only. `unseen` has volumes whose locks could not be asked for, and why; the
volume "" is the image itself. What is no regular file is not opened, and is
one of these: a link, a FIFO or a device is nothing that VDSM makes there.

Files and directories whose name is no UUID are passed over: .meta and .lease
files, images that VDSM is removing.

How much is looked at
=====================

A directory can have any number of entries. No domain of oVirt has as many
images, and no image as many volumes, as MAX_IMAGES and MAX_VOLUMES. A
directory that has more is not looked at, and that is said. Of the volumes of
an image that could not be asked, MAX_UNSEEN are named.
"""

from __future__ import annotations

import fcntl
import os
import struct

from vdsm_backup.processes import regular_files
from vdsm_backup.processes.script_output import say
from vdsm_backup.text import is_uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, TypedDict

    Use = Literal["writing", "reading"]

    class ImageUse(TypedDict):
        """What the script says of one image; see above."""

        writing: list[str]
        reading: list[str]
        unseen: dict[str, str]


# qemu block/file-posix.c
RAW_LOCK_PERM_BASE = 100

# qemu include/block/block-common.h, numbers of the bits
BLK_PERM_CONSISTENT_READ = 0
BLK_PERM_WRITE = 1

READ = RAW_LOCK_PERM_BASE + BLK_PERM_CONSISTENT_READ
WRITE = RAW_LOCK_PERM_BASE + BLK_PERM_WRITE

# struct flock of a 64 bit kernel, in native alignment: l_type, l_whence,
# l_start, l_len, l_pid. For OFD locks l_pid must be 0, fcntl(2).
_FLOCK = struct.Struct("hhqqi4x")

# O_NONBLOCK: open() does not wait until another process gives up its lease
# (fcntl(2)) on the file.
_OPEN = os.O_RDONLY | os.O_NONBLOCK

MAX_IMAGES = 100_000
MAX_VOLUMES = 10_000
MAX_UNSEEN = 100

# Names in a directory, of any kind, with which it is given up.
_MAX_NAMES = 1_000_000


class TooMany(Exception):
    """A directory has more in it than is looked at."""


def main(args: Sequence[str]) -> None:
    try:
        images_fd = _open_images(args[0])
    except OSError as e:
        say({"failed": _reason(e)})
    else:
        _say_images(images_fd)
    say({"end": True})


def _open_images(domain_dir: str) -> int:
    # The path up to the domain's directory is the user's or VDSM's, and may
    # have links.
    fd = os.open(domain_dir, os.O_PATH | os.O_DIRECTORY)
    try:
        return regular_files.open_directory("images", os.O_RDONLY, fd)
    finally:
        os.close(fd)


def _say_images(images_fd: int) -> None:
    try:
        names = _uuids(images_fd, MAX_IMAGES)
    except (OSError, TooMany) as e:
        say({"failed": _reason(e)})
        return
    say({"images": len(names)})
    for name in names:
        say({"image": name, **image_use(name, images_fd)})


def image_use(image: str, dir_fd: int | None = None) -> ImageUse:
    """
    How qemu uses the volumes of an image.

    image: its directory, by its path, or by its name in dir_fd.
    """
    found: ImageUse = {"writing": [], "reading": [], "unseen": {}}
    try:
        image_fd = regular_files.open_directory(image, os.O_RDONLY, dir_fd)
    except FileNotFoundError:
        # It was removed meanwhile, so nobody uses it.
        return found
    except OSError as e:
        found["unseen"][""] = _reason(e)
        return found
    try:
        for volume in _uuids(image_fd, MAX_VOLUMES):
            _add_volume(volume, image_fd, found)
    except (OSError, TooMany) as e:
        found["unseen"][""] = _reason(e)
    finally:
        os.close(image_fd)
    return found


def _add_volume(volume: str, image_fd: int, found: ImageUse) -> None:
    try:
        use = _volume_use(volume, image_fd)
    except FileNotFoundError:
        return
    except OSError as e:
        if len(found["unseen"]) < MAX_UNSEEN:
            found["unseen"][volume] = _reason(e)
        return
    if use:
        found[use].append(volume)


def _volume_use(volume: str, image_fd: int) -> Use | None:
    """How qemu uses a volume; None if it does not. Raises OSError."""
    fd = regular_files.open_file(volume, _OPEN, image_fd)
    try:
        # The first question is about both bytes: most images are not open, and
        # on a network file system each question goes to the server.
        if not _locked(fd, READ, 2):
            return None
        return "writing" if _locked(fd, WRITE, 1) else "reading"
    finally:
        os.close(fd)


def _locked(fd: int, start: int, length: int) -> bool:
    """Whether anybody has a lock on some of these bytes of a file."""
    question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
    answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, question)
    return _FLOCK.unpack(answer)[0] != fcntl.F_UNLCK


def _reason(error: OSError | TooMany) -> str:
    if isinstance(error, OSError):
        return regular_files.why(error)
    return str(error)


def _uuids(directory: int, most: int) -> list[str]:
    """
    The names in a directory that are UUIDs, in either case. Raises OSError,
    and TooMany for more than `most`.
    """
    found = []
    with os.scandir(directory) as entries:
        for number, entry in enumerate(entries):
            if is_uuid(entry.name.lower()):
                found.append(entry.name)
            if len(found) > most or number >= _MAX_NAMES:
                raise TooMany("it has too many names to look at all of them")
    return sorted(found)

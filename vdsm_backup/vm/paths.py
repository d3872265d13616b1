# SPDX-License-Identifier: GPL-2.0-or-later
"""
On which storage domain does a path lie.

VDSM has many names for one volume (lib/vdsm/storage/sd.py, fileSD.py,
blockSD.py, sc.P_VDSM_STORAGE; lib/vdsm/virt/vm.py for transient disks):

    <repo_root>/<pool>/<sd>/images/<image>/<volume>    <sd> is a link
    <repo_root>/mnt/<mount>/<sd>/images/<image>/<volume>
    <repo_root>/mnt/glusterSD/<mount>/<sd>/images/<image>/<volume>
    <repo_root>/mnt/blockSD/<sd>/images/<image>/<volume>   a link
    /run/vdsm/storage/<sd>/<image>/<volume>            <image> may be a link
    /dev/<sd>/<volume>, /dev/mapper/<sd>-<volume>      dashes doubled, a link
    <anywhere>/<sd>-<volume>.<8 random characters>     a transient disk

A path is followed link by link, and every name that it has on the way counts:
a link from one domain into another is on both. A UUID in any other path makes
the directory of that name a candidate; only its dom_md makes it a domain.

Local directories are looked at here. What lies on a mount that could hang is
only named; remote() says what is left to resolve there.
"""

import os
import re
from dataclasses import dataclass

from vdsm_backup.host import mounts
from vdsm_backup.text import UUID, is_uuid

FILE = "file"
BLOCK = "block"
# Known by its UUID only; somebody has to find it.
ANY = "any"

RUN_STORAGE = ("/run/vdsm/storage", "/var/run/vdsm/storage")
_MAPPER = "/dev/mapper/"
_DM = re.compile(r"/dev/(dm-\d+)")

# The kernel's own limits: MAXSYMLINKS in include/linux/namei.h, PATH_MAX in
# include/uapi/linux/limits.h
MAX_LINKS = 40
MAX_PATH = 4096

# Python's tempfile, which VDSM uses, has 8 characters of a-z0-9_.
_TRANSIENT = re.compile(rf"({UUID})-{UUID}\.[a-z0-9_]{{8}}")
# <VG>-<LV>, dashes in them doubled. No text of any length may cost a regular
# expression more than one pass: a VM's XML can have millions of dashes.
_MAPPED = re.compile(rf"({UUID.replace('-[', '--[')})-(?:[^-]|--)+")


@dataclass(frozen=True)
class Place:
    """
    Where a storage domain is.

    directory: of a file domain, <mount>/<sd>; else "".
    sure: False if a directory, or a file, only has the name of a domain:
        where there is none it means nothing.
    """

    domain: str
    kind: str = ANY
    directory: str = ""
    sure: bool = True


@dataclass(frozen=True)
class Trace:
    """
    names: all that the path is called on its way.
    mount, rest: a mount that could hang, "/" if none is known, and the path
    on it that was not resolved; None if all was.
    """

    names: tuple
    mount: "str | None" = None
    rest: "str | None" = None


def classify(name, repo_root, lv_dir="/dev"):
    """Places of one name; pure. A name is absolute, without ".."."""
    parts = name.split("/")[1:]
    found = _in_repo(parts, repo_root)
    if found is None:
        found = _in_known(name, parts, lv_dir)
    return _candidates(parts) if found is None else found


def on_gluster(name):
    """Places of the name of a Gluster disk: <volume>/<sd>/images/..."""
    # libvirt takes what is before the first slash for the volume.
    path = name.partition("/")[2]
    parts = os.path.normpath("/" + path).split("/")
    return [
        Place(part)
        for part, after in zip(parts, parts[1:])
        if is_uuid(part) and after == "images"
    ]


def _in_repo(parts, repo_root):
    inside = _below(parts, repo_root)
    if inside is None:
        return None
    if inside[:1] != ["mnt"]:
        found = _place(inside, 1, ANY) if is_uuid(inside[0]) else []
    elif inside[1:2] == ["blockSD"]:
        found = _place(inside, 2, BLOCK)
    else:
        at = 3 if inside[1:2] == ["glusterSD"] else 2
        directory = os.path.join(repo_root, *inside[: at + 1])
        found = _place(inside, at, FILE, directory)
    # Deeper than VDSM looks there may be a copy of a domain, as anywhere.
    return found or None


def _in_known(name, parts, lv_dir):
    for directory in RUN_STORAGE:
        inside = _below(parts, directory)
        if inside is not None:
            return _place(inside, 0, ANY)
    inside = _below(parts, lv_dir)
    if inside is not None and is_uuid(inside[0]):
        return _place(inside, 0, BLOCK)
    if name.startswith(_MAPPER):
        return _mapped(name[len(_MAPPER) :])
    match = _TRANSIENT.fullmatch(parts[-1])
    if match:
        # Or somebody else's file of such a name, in whatever directory.
        return [Place(match[1], sure=False), *_candidates(parts)]
    return None


def _mapped(name):
    """Of a name of device-mapper."""
    match = _MAPPED.fullmatch(name)
    return [Place(match[1].replace("--", "-"), BLOCK)] if match else []


def _candidates(parts):
    return [
        Place(part, FILE, "/" + "/".join(parts[: i + 1]), sure=False)
        for i, part in enumerate(parts[:-1])
        if is_uuid(part)
    ]


def _below(parts, directory):
    """The parts below a directory, None if it is not above."""
    above = directory.strip("/").split("/")
    if len(parts) > len(above) and parts[: len(above)] == above:
        return parts[len(above) :]
    return None


def _place(parts, at, kind, directory=""):
    # Something must be in it: the directory itself is no disk.
    if len(parts) > at + 1 and is_uuid(parts[at]):
        return [Place(parts[at], kind, directory)]
    return []


# Following links


def trace(path, table, sysfs="/sys"):
    """
    The Trace of a path; `table` is mounts.table(). Never touches what could
    hang, never fails: what is not there has just its name.
    """
    if "\0" in path:
        # No file has it, and the calls below refuse it.
        return Trace(())
    names = [] if ".." in path.split("/") else [os.path.normpath(path)]
    at, todo, links = "/", _parts(path), 0
    while todo:
        part = todo.pop()
        if part == "..":
            at = os.path.dirname(at)
            continue
        at = os.path.join(at, part)
        mount = mounts.holding(at, table)
        if not mounts.cannot_hang(mount):
            rest = os.path.join(at, *reversed(todo))
            if ".." not in todo:
                names.append(rest)
            point = "/" if mount is None else mount.point
            return Trace(_unique(names), point, rest)
        target = _readlink(at)
        if target is None:
            continue
        links += 1
        if links > MAX_LINKS:
            break
        at = "/" if target.startswith("/") else os.path.dirname(at)
        todo += _parts(target)
        name = os.path.join(at, *reversed(todo))
        if ".." not in todo:
            names.append(name)
    names.append(at)
    mapped = _mapper_name(at, sysfs)
    return Trace(_unique([*names, mapped] if mapped else names))


def mount_of(path, table):
    """
    The mount that a path lies on, links followed as trace() does; None if it
    is not known.
    """
    found = trace(path, table)
    return mounts.holding(found.rest or found.names[-1], table)


def _parts(path):
    """In the order in which they are taken from the end of a list."""
    return [p for p in reversed(path.split("/")) if p not in ("", ".")]


def _readlink(path):
    try:
        return os.readlink(path)
    except (OSError, ValueError):
        # No link, not there, or not ours to see. ValueError: a name that
        # cannot be encoded, which no file has.
        return None


def _mapper_name(path, sysfs):
    """/dev/mapper/<name> of a /dev/dm-N, else None."""
    match = _DM.fullmatch(path)
    if not match:
        return None
    try:
        path = f"{sysfs}/block/{match[1]}/dm/name"
        with open(path, errors="surrogateescape") as f:
            return _MAPPER + f.read().rstrip("\n")
    except OSError:
        return None


def _unique(names):
    # Kernel paths may begin with two slashes, which normpath keeps.
    return tuple(
        dict.fromkeys(os.path.join("/", n.lstrip("/")) for n in names)
    )

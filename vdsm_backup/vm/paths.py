# SPDX-License-Identifier: GPL-2.0-or-later
"""
The storage domains that a path can lie on.

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
the directory of that name a candidate. A candidate is a domain if it has a
dom_md; the code that reads the candidate looks for that.

Links in local directories are followed here. Of a path on a mount that could
hang nothing is touched; a Trace has the part of it that is left to resolve.
"""

from __future__ import annotations

import os
import re
from collections import namedtuple

from vdsm_backup.host import mounts
from vdsm_backup.text import UUID, is_uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Sequence

# Kinds of a Location.
FILE = "file"
BLOCK = "block"
# A block device that may be a PV of a domain.
LUN = "lun"
# The domain is known by its UUID only; the code that reads it has to find it.
ANY = "any"

RUN_STORAGE = ("/run/vdsm/storage", "/var/run/vdsm/storage")
_MAPPER = "/dev/mapper/"
_DM = re.compile(r"/dev/(dm-\d+)")

# The kernel's own limits: MAXSYMLINKS in include/linux/namei.h, PATH_MAX in
# include/uapi/linux/limits.h
MAX_LINKS = 40
MAX_PATH = 4096

# VDSM uses Python's tempfile, whose random part is 8 characters of a-z0-9_.
_TRANSIENT = re.compile(rf"({UUID})-{UUID}\.[a-z0-9_]{{8}}")
# <VG>-<LV>, dashes in them doubled. No text of any length may cost a regular
# expression more than one pass: a VM's XML can have millions of dashes.
_MAPPED = re.compile(rf"({UUID.replace('-[', '--[')})-(?:[^-]|--)+")


class Location(
    namedtuple(
        "Location",
        "domain kind directory candidate",
        defaults=(ANY, "", False),
    )
):
    """
    Where a storage domain is.

    domain: its UUID, "" for a LUN.
    kind: FILE, BLOCK, LUN or ANY.
    directory: of a file domain, <mount>/<sd>; of a LUN, its device; else "".
    candidate: whether only the name of a directory, or of a file, suggests
        the domain. If there is no such domain, the location does not count.
    """

    __slots__ = ()
    domain: str
    kind: str
    directory: str
    candidate: bool

    @property
    def title(self) -> str:
        """What it is called where the domain's name is not known."""
        return self.domain or f"(on {self.directory})"


class NotADomain(Exception):
    """
    There is no storage domain at a candidate Location. Raised by the code
    that reads it.
    """


class Trace(namedtuple("Trace", "names mount rest", defaults=(None, None))):
    """
    What is known of a path without touching what could hang.

    names: all that the path is called on its way.
    mount: the mount point that could hang and stopped us, "/" if no mount is
        known; None if all links were followed.
    rest: the path on that mount, whose links were not followed, or None.
    """

    __slots__ = ()
    names: tuple[str, ...]
    mount: str | None
    rest: str | None


def locations(
    name: str, repo_root: str, lv_dir: str = "/dev"
) -> list[Location]:
    """
    The Locations that a name tells of. Pure.

    name: absolute, without "..". repo_root, lv_dir: see config.py.
    """
    parts = name.split("/")[1:]
    found = _in_repo(parts, repo_root)
    if found is None:
        found = _in_known(name, parts, lv_dir)
    return _candidates(parts) if found is None else found


def gluster_locations(name: str) -> list[Location]:
    """
    The Locations that the name of a Gluster disk tells of:
    <volume>/<sd>/images/...
    """
    # libvirt takes what is before the first slash for the volume.
    path = name.partition("/")[2]
    parts = os.path.normpath("/" + path).split("/")
    return [
        Location(part)
        for part, after in zip(parts, parts[1:])
        if is_uuid(part) and after == "images"
    ]


def _in_repo(parts: list[str], repo_root: str) -> list[Location] | None:
    """
    The Locations of a name in VDSM's repository. None if the name is not
    there, or not of a form that VDSM uses there.
    """
    inside = _below(parts, repo_root)
    if inside is None:
        return None
    if inside[:1] != ["mnt"]:
        found = _location(inside, 1, ANY) if is_uuid(inside[0]) else []
    elif inside[1:2] == ["blockSD"]:
        found = _location(inside, 2, BLOCK)
    else:
        at = 3 if inside[1:2] == ["glusterSD"] else 2
        directory = os.path.join(repo_root, *inside[: at + 1])
        found = _location(inside, at, FILE, directory)
    # Deeper in the repository there may be a copy of a domain, as in any other
    # directory: then its UUID makes a candidate.
    return found or None


def _in_known(
    name: str, parts: list[str], lv_dir: str
) -> list[Location] | None:
    """
    The Locations of a name outside of the repository. None if the name is of
    no form that VDSM uses there.
    """
    for directory in RUN_STORAGE:
        inside = _below(parts, directory)
        if inside is not None:
            return _location(inside, 0, ANY)
    inside = _below(parts, lv_dir)
    if inside is not None and is_uuid(inside[0]):
        return _location(inside, 0, BLOCK)
    if name.startswith(_MAPPER):
        return _mapped(name[len(_MAPPER) :])
    match = _TRANSIENT.fullmatch(parts[-1])
    if match:
        # The file may also be somebody else's and only be called so, so the
        # directories that it is in count, too.
        return [Location(match[1], candidate=True), *_candidates(parts)]
    return None


def _mapped(name: str) -> list[Location]:
    """The Location that a name of device-mapper tells of."""
    match = _MAPPED.fullmatch(name)
    return [Location(match[1].replace("--", "-"), BLOCK)] if match else []


def _candidates(parts: list[str]) -> list[Location]:
    """A candidate for each directory of a name that is called by a UUID."""
    return [
        Location(part, FILE, "/" + "/".join(parts[: i + 1]), candidate=True)
        for i, part in enumerate(parts[:-1])
        if is_uuid(part)
    ]


def _below(parts: list[str], directory: str) -> list[str] | None:
    """The parts below a directory, or None if they are not in it."""
    above = directory.strip("/").split("/")
    if len(parts) > len(above) and parts[: len(above)] == above:
        return parts[len(above) :]
    return None


def _location(
    parts: list[str], at: int, kind: str, directory: str = ""
) -> list[Location]:
    # Something must be in it: the directory itself is no disk.
    if len(parts) > at + 1 and is_uuid(parts[at]):
        return [Location(parts[at], kind, directory)]
    return []


# Following links


def trace(
    path: str, table: Sequence[mounts.Mount], sysfs: str = "/sys"
) -> Trace:
    """
    The Trace of a path. Never touches what could hang, and never fails: a path
    that does not exist has just its own name.

    table: of mounts.table().
    """
    if "\0" in path:
        # No file has it, and the calls below refuse it.
        return Trace(())
    names = [] if ".." in path.split("/") else [os.path.normpath(path)]
    at, todo, links = "/", _reversed_parts(path), 0
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
        todo += _reversed_parts(target)
        name = os.path.join(at, *reversed(todo))
        if ".." not in todo:
            names.append(name)
    names.append(at)
    mapped = _mapper_name(at, sysfs)
    return Trace(_unique([*names, mapped] if mapped else names))


def mount_of(path: str, table: list[mounts.Mount]) -> mounts.Mount | None:
    """
    The mount that a path lies on, links followed as trace() follows them;
    None if it is not known.
    """
    found = trace(path, table)
    return mounts.holding(found.rest or found.names[-1], table)


def _reversed_parts(path: str) -> list[str]:
    """The parts of a path, of which pop() gives the first one."""
    return [p for p in reversed(path.split("/")) if p not in ("", ".")]


def _readlink(path: str) -> str | None:
    """Where a link leads, or None of anything else."""
    try:
        return os.readlink(path)
    except (OSError, ValueError):
        # It is no link, is not there, or is not ours to see. ValueError: a
        # name that cannot be encoded, which no file has.
        return None


def _mapper_name(path: str, sysfs: str) -> str | None:
    """/dev/mapper/<name> of a /dev/dm-N. None of any other path."""
    match = _DM.fullmatch(path)
    if not match:
        return None
    try:
        path = f"{sysfs}/block/{match[1]}/dm/name"
        with open(path, errors="surrogateescape") as f:
            return _MAPPER + f.read().rstrip("\n")
    except OSError:
        return None


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    # Kernel paths may begin with two slashes, which normpath keeps.
    return tuple(
        dict.fromkeys(os.path.join("/", n.lstrip("/")) for n in names)
    )

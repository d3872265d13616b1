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

A UUID in any other path makes the directory of that name a candidate. A
candidate is a domain if it has a dom_md that is not empty; the code that reads
the candidate looks for that. In VDSM's own paths images have UUIDs, too. There
a directory within a domain is a candidate only if a look at it has found a
dom_md (links.py, which also has all names of one path).
"""

from __future__ import annotations

import os

from vdsm_backup.record import Record
from vdsm_backup.text import is_uuid
from vdsm_backup.vm.links import MAPPER

# Kinds of a Location.
FILE = "file"
BLOCK = "block"
# A block device that may be a PV of a domain.
LUN = "lun"
# The domain is known by its UUID only; the code that reads it has to find it.
ANY = "any"

RUN_STORAGE = ("/run/vdsm/storage", "/var/run/vdsm/storage")

# VDSM uses Python's tempfile, whose random part is 8 of these.
_RANDOM = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
_RANDOM_LENGTH = 8

# Characters of a UUID, and of one whose dashes are doubled.
_UUID = 36
_DOUBLED = 40


class Location(Record):
    """
    Where a storage domain is.

    domain: its UUID, "" for a LUN.
    kind: FILE, BLOCK, LUN or ANY.
    directory: of a file domain, <mount>/<sd>; of a LUN, its device; else "".
    candidate: whether only the name of a directory, or of a file, suggests
        the domain. If there is no such domain, the location does not count.
    """

    __slots__ = ("domain", "kind", "directory", "candidate")

    def __init__(
        self,
        domain: str,
        kind: str = ANY,
        directory: str = "",
        candidate: bool = False,
    ) -> None:
        self.domain = domain
        self.kind = kind
        self.directory = directory
        self.candidate = candidate

    @property
    def title(self) -> str:
        """What it is called where the domain's name is not known."""
        return self.domain or f"(on {self.directory})"


class NotADomain(Exception):
    """
    There is no storage domain at a candidate Location. Raised by the code
    that reads it.
    """


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


def within_domain(
    directory: str, repo_root: str, lv_dir: str = "/dev"
) -> list[Location]:
    """
    The Location that a directory with a dom_md has, if locations() of what is
    in it tells nothing of this directory: it is within another domain, or
    somewhere in VDSM's directories where VDSM has no domain.

    directory: absolute, without "..", called by a UUID.
    """
    above, sd_id = os.path.split(directory)
    told = locations(f"{directory}/x", repo_root, lv_dir)
    if told != locations(f"{above}/x", repo_root, lv_dir):
        return []
    return [Location(sd_id, FILE, directory, candidate=True)]


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
    if name.startswith(MAPPER):
        return _mapped(name[len(MAPPER) :])
    sd_id = _of_transient(parts[-1])
    if sd_id is not None:
        # The file may also be somebody else's and only be called so, so the
        # directories that it is in count, too.
        return [Location(sd_id, candidate=True), *_candidates(parts)]
    return None


def _of_transient(name: str) -> str | None:
    """
    The domain of a transient disk, <sd>-<volume>.<random>. None if the file
    is called otherwise.
    """
    both, _, random = name.rpartition(".")
    sd_id, rest = both[:_UUID], both[_UUID:]
    if (
        is_uuid(sd_id)
        and rest[:1] == "-"
        and is_uuid(rest[1:])
        and len(random) == _RANDOM_LENGTH
        and _RANDOM.issuperset(random)
    ):
        return sd_id
    return None


def _mapped(name: str) -> list[Location]:
    """
    The Location that a name of device-mapper tells of: <VG>-<LV>, dashes in
    both doubled.
    """
    vg, rest = name[:_DOUBLED], name[_DOUBLED:]
    sd_id, lv = vg.replace("--", "-"), rest[1:]
    if (
        is_uuid(sd_id)
        and sd_id.replace("-", "--") == vg
        and rest[:1] == "-"
        and lv
        and "-" not in lv.replace("--", "")
    ):
        return [Location(sd_id, BLOCK)]
    return []


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

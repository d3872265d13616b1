# SPDX-License-Identifier: GPL-2.0-or-later
"""
Following the links of a path, and all that is met on its way.

Every name that a path has on its way counts: a link from one domain into
another is on both. So does each directory that it passes and that has a
dom_md: there may be a domain within a domain.

In our own process only what cannot hang is followed: trace() stops where a
mount could hang, and says what is left of the path. A process of its own
(resolve_links.py) follows that to the end, by the same follow().

Whoever may start a VM writes its paths, and often the links, too. A link
leads to up to 2,000 parts, a path to 40 links, and a VM has many paths. So
all paths of one VM together have Limits.
"""

from __future__ import annotations

import os
import time

from vdsm_backup import errors
from vdsm_backup.host import mounts
from vdsm_backup.record import Record
from vdsm_backup.text import is_uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# The kernel's own limits: MAXSYMLINKS in include/linux/namei.h, PATH_MAX in
# include/uapi/linux/limits.h
MAX_LINKS = 40
MAX_PATH = 4096

# Of all paths of a VM and all links on them. More than one path can have, and
# than 2,000 disks of VDSM have.
MAX_PARTS = 100_000

MAPPER = "/dev/mapper/"
_DM = "/dev/dm-"

# The directory in a file domain by which it is one.
_DOM_MD = "dom_md"

# Kinds of a Step.
NAME = "name"
DOMAIN = "domain"
STOP = "stop"


class Limits:
    """
    How much may be followed, for all paths of a VM together.

    deadline: of time.monotonic().
    """

    def __init__(self, deadline: float = float("inf")) -> None:
        self._deadline = deadline
        self._left = MAX_PARTS

    def spend(self, parts: int) -> None:
        """Call this before so many parts are followed. Raises VmUnclear."""
        self._left -= parts
        if self._left < 0:
            raise errors.VmUnclear(
                f"its paths, with the links on them, have more than"
                f" {MAX_PARTS} parts"
            )
        if time.monotonic() >= self._deadline:
            raise errors.VmUnclear("following its paths takes too long")


class Step(Record):
    """
    What is met on the way of a path.

    kind: NAME, path is one of its names, absolute and without "..". DOMAIN,
        path is a directory on its way that is called by a UUID and has a
        dom_md. STOP, path may hang and is not followed; rest is the whole
        path from there, and nothing comes after that.
    """

    __slots__ = ("kind", "path", "rest")

    def __init__(self, kind: str, path: str, rest: str = "") -> None:
        self.kind = kind
        self.path = path
        self.rest = rest


class Trace(Record):
    """
    What is known of a path without touching what could hang.

    names: all that the path is called on its way.
    mount: the mount point that could hang and stopped us, "/" if no mount is
        known; None if all links were followed.
    rest: the path on that mount, whose links were not followed, or None.
    domains: directories on the way, see DOMAIN.
    """

    __slots__ = ("names", "mount", "rest", "domains")

    def __init__(
        self,
        names: tuple[str, ...],
        mount: str | None = None,
        rest: str | None = None,
        domains: tuple[str, ...] = (),
    ) -> None:
        self.names = names
        self.mount = mount
        self.rest = rest
        self.domains = domains


def trace(
    path: str,
    table: Sequence[mounts.Mount],
    limits: Limits | None = None,
    sysfs: str = "/sys",
) -> Trace:
    """
    The Trace of a path. Never touches what could hang: a path that does not
    exist has just its own name.

    table: of mounts.table(). limits: those of the VM; None for a path that is
        no VM's.

    Raises VmUnclear if it is beyond the limits.
    """

    def may_hang(at: str) -> bool:
        mount = mounts.holding(at, table)
        return not mounts.cannot_hang(mount) or _is_of_a_process(at, mount)

    names, domains = [], []
    for step in follow(path, limits or Limits(), may_hang, sysfs):
        if step.kind == NAME:
            names.append(step.path)
        elif step.kind == DOMAIN:
            domains.append(step.path)
        else:
            mount = mounts.holding(step.path, table)
            point = "/" if mount is None else mount.point
            return Trace(tuple(names), point, step.rest, tuple(domains))
    return Trace(tuple(names), domains=tuple(domains))


def _is_of_a_process(path: str, mount: mounts.Mount | None) -> bool:
    """
    Whether a path is in the directory of a process in proc. The kernel does
    not follow the text of the links there: /proc/<pid>/root leads into the
    mounts of that process, of which our table knows nothing.
    """
    if mount is None or mount.fs_type != "proc":
        return False
    inside = mount.root.rstrip("/") + path[len(mount.point.rstrip("/")) :]
    above, _, below = inside[1:].partition("/")
    return inside[:1] == "/" and above.isdecimal() and below != ""


def mount_of(path: str, table: Sequence[mounts.Mount]) -> mounts.Mount | None:
    """
    The mount that a path lies on, links followed as trace() follows them;
    None if it is not known.
    """
    found = trace(path, table)
    return mounts.holding(found.rest or found.names[-1], table)


def _nothing_hangs(at: str) -> bool:
    return False


def follow(
    path: str,
    limits: Limits,
    may_hang: Callable[[str], bool] = _nothing_hangs,
    sysfs: str = "/sys",
) -> Iterator[Step]:
    """
    The Steps of a path, each as soon as it is known and before anything else
    is touched. No name or directory comes twice.

    may_hang: whether a file must not be touched; called with an absolute path
        whose directory has no links.

    Raises VmUnclear if it is beyond the limits. No other failure is one: what
    is no link to us is followed as a directory.
    """
    if "\0" in path:
        # No file has it, and the calls below refuse it.
        return
    told: set[str] = set()
    asked: set[str] = set()
    at, links = "/", 0
    todo = _reversed_parts(path)
    limits.spend(len(todo))
    yield from _new(_names(at, todo), told)
    while todo:
        part = todo.pop()
        if part == "..":
            at = os.path.dirname(at)
            continue
        at = os.path.join(at, part)
        if may_hang(at):
            yield from _new(_names(at, todo), told)
            yield Step(STOP, at, os.path.join(at, *reversed(todo)))
            return
        target = _readlink(at)
        if target is None:
            continue
        yield from _domains(at, asked, may_hang)
        links += 1
        if links > MAX_LINKS:
            break
        at = "/" if target.startswith("/") else os.path.dirname(at)
        parts = _reversed_parts(target)
        limits.spend(len(parts))
        todo += parts
        yield from _new(_names(at, todo), told)
    yield from _new([at], told)
    yield from _domains(at, asked, may_hang)
    mapped = _mapper_name(at, sysfs)
    if mapped is not None:
        yield Step(NAME, mapped)


def _reversed_parts(path: str) -> list[str]:
    """The parts of a path, of which pop() gives the first one."""
    return [p for p in reversed(path.split("/")) if p not in ("", ".")]


def _names(at: str, todo: list[str]) -> list[str]:
    # A name with ".." in it is none: what ".." is, is seen on the way.
    if ".." in todo:
        return []
    return [os.path.join(at, *reversed(todo))]


def _new(names: list[str], told: set[str]) -> Iterator[Step]:
    """The Steps of those names that were not told before."""
    for name in names:
        if name not in told:
            told.add(name)
            yield Step(NAME, name)


def _readlink(path: str) -> str | None:
    """Where a link leads, or None of anything else."""
    try:
        return os.readlink(path)
    except (OSError, ValueError):
        # It is no link, is not there, or is not ours to see. ValueError: a
        # name that cannot be encoded, which no file has.
        return None


def _domains(
    at: str, asked: set[str], may_hang: Callable[[str], bool]
) -> Iterator[Step]:
    """
    The Steps of kind DOMAIN above a path without links.

    asked: directories that were looked at before, with all above them.
    """
    above = os.path.dirname(at)
    while above not in asked:
        asked.add(above)
        if is_uuid(os.path.basename(above)) and _has_dom_md(above, may_hang):
            yield Step(DOMAIN, above)
        above = os.path.dirname(above)


def _has_dom_md(directory: str, may_hang: Callable[[str], bool]) -> bool:
    """True also if it cannot be told."""
    path = os.path.join(directory, _DOM_MD)
    if may_hang(path):
        return True
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        # ValueError: as in _readlink().
        return False
    except OSError:
        return True
    return True


def _mapper_name(path: str, sysfs: str) -> str | None:
    """/dev/mapper/<name> of a /dev/dm-N. None of any other path."""
    if not (path.startswith(_DM) and path[len(_DM) :].isdecimal()):
        return None
    try:
        path = f"{sysfs}/block/{os.path.basename(path)}/dm/name"
        with open(path, errors="surrogateescape") as f:
            return MAPPER + f.read().rstrip("\n")
    except OSError:
        return None

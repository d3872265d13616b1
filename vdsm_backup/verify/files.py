# SPDX-License-Identifier: GPL-2.0-or-later
"""
A file domain: what inspect_domain.py has seen of it, as problems and notes. No
function here touches storage.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import shlex
import stat
from typing import TYPE_CHECKING, Any

from vdsm_backup import errors
from vdsm_backup.storage import incomplete, unsafe
from vdsm_backup.text import printable
from vdsm_backup.verify.findings import Findings
from vdsm_backup.verify.inspect_domain import DOM_MD, LEFTOVER
from vdsm_backup.verify.leases import check_areas

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from vdsm_backup.verify.inspections import Seen

    # STAT of inspect_domain.py.
    Stat = Mapping[str, int]

_SANLOCK = "sanlock"

# Bytes. CephFS counts its space in blocks of 4 MiB, and says that none is free
# where there still is room for metadata.
_SMALL_BLOCK = 64 * 1024
_READ_WRITE = 0o6

_ATTRIBUTES = {"i": "immutable (chattr +i)", "a": "append-only (chattr +a)"}


def check(
    sd_id: str,
    seen: Seen,
    areas: Collection[str],
    uid: int,
    gid: int,
    directory: str,
) -> Findings:
    """
    areas: those that the domain must have. uid, gid: of VDSM's user.
    directory: of the domain.
    """
    found = Findings()
    if "entries" not in seen.facts:
        return found
    if "images" not in seen.facts["entries"]:
        found.notes.append("it has no directory images")
    if DOM_MD not in seen.facts["entries"]:
        found.problems.append(incomplete.gone(sd_id, directory))
        return found
    found.problems += _attribute_problems(sd_id, seen, directory)
    _check_access(sd_id, seen, areas, uid, gid, found)
    _check_space(sd_id, seen.facts, found)
    _add_leftovers(sd_id, seen.facts, found)
    files = seen.facts.get("dom_md", {})
    gone = [name for name in areas if name not in files]
    if "dom_md" in seen.facts:
        as_vdsm = os.geteuid() == uid
        found.add(check_areas(sd_id, seen, areas, gone, as_vdsm))
    return found


# Owners and modes


def _check_access(
    sd_id: str,
    seen: Seen,
    areas: Collection[str],
    uid: int,
    gid: int,
    found: Findings,
) -> None:
    if os.geteuid() != uid:
        found.unseen.append(
            f"owners and modes were not looked at: we are user"
            f" {os.geteuid()}, VDSM is {uid}"
        )
        return
    files = {**seen.facts["entries"], **seen.facts.get("dom_md", {})}
    access = seen.facts.get("access")
    if access is None:
        found.unseen.append(
            "owners and modes were not looked at: the look broke off"
        )
        return
    found.looked_at.append("owners and modes")
    for name, reason in access.items():
        if reason and name not in seen.facts.get("attributes", {}):
            found.problems.append(
                _no_access(sd_id, name, reason, files.get(name), seen, uid)
            )
    metadata = files.get("metadata")
    if metadata and not access.get("metadata"):
        _check_owner(sd_id, metadata, files, uid, gid, found)
    # A local domain has no leases of sanlock.
    for name in ("ids", "leases") if "leases" in areas else ():
        st = files.get(name)
        if not st or not stat.S_ISREG(st["mode"]):
            continue
        if not _sanlock_may(st, gid):
            problem = f"sanlock may not read and write it ({_owner(st)})"
            found.problems.append(_refused(sd_id, name, problem))


def _no_access(
    sd_id: str, name: str, reason: str, st: Stat | None, seen: Seen, uid: int
) -> errors.AccessRefused:
    point = seen.facts.get("read_only")
    if point is not None and reason == os.strerror(errno.EROFS):
        where = shlex.quote(printable(point)) if point else "its mount"
        text = f"{reason}: {unsafe.mounted_read_only(where)}"
        error = _refused(sd_id, name, text)
        error.way_out = unsafe.of_read_only_mount(where)
        return error
    error = _refused(sd_id, name, f"{reason} ({_owner(st)})")
    if st and st["uid"] == uid and st["mode"] >> 6 & 0o7 == 0o7:
        error.way_out = [
            "owner and mode are right: see on the server how it is exported",
            *_on_the_server(sd_id, error.path),
        ]
    return error


def _attribute_problems(
    sd_id: str, seen: Seen, directory: str
) -> Iterator[errors.AccessRefused]:
    """Of files that chattr has made such that root may not change them."""
    for name, letters in seen.facts.get("attributes", {}).items():
        words = " and ".join(_ATTRIBUTES[letter] for letter in letters)
        error = _refused(sd_id, name, f"it is {words}")
        path = shlex.quote(os.path.join(directory, error.path))
        error.way_out = [
            f"see it: lsattr -d {path}",
            "if whoever has done that agrees:"
            f" chattr -{' -'.join(letters)} {path}",
        ]
        yield error


def _on_the_server(sd_id: str, path: str) -> list[str]:
    return [
        "there, below the directory that is exported, see whether it is"
        f" immutable: lsattr -d {sd_id}/{path}",
        f"if there is an i: chattr -i {sd_id}/{path}",
    ]


def _check_owner(
    sd_id: str,
    metadata: Stat,
    files: Mapping[str, Stat],
    uid: int,
    gid: int,
    found: Findings,
) -> None:
    """
    Whether a new file would have the owner of the one that it replaces: see
    storage/replacement.py. A server that maps users shows all files as those
    of one user, who is not ours.
    """
    dom_md = files[DOM_MD]
    new = uid, dom_md["gid"] if dom_md["mode"] & stat.S_ISGID else gid
    owner = metadata["uid"], metadata["gid"]
    if owner == new:
        return
    text = f"it belongs to {owner[0]}:{owner[1]}, and not to {new[0]}:{new[1]}"
    if owner[0] and owner == (dom_md["uid"], dom_md["gid"]):
        found.notes.append(f"metadata, as dom_md: {text}")
    else:
        found.problems.append(_refused(sd_id, "metadata", text))


def _sanlock_may(st: Stat, gid: int) -> bool:
    """
    Whether the mode lets sanlock's daemon read and write a file. It belongs
    to VDSM's group (init/systemd of VDSM adds it), and to those of its user.
    """
    uid, gids = -1, {gid}
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam(_SANLOCK)
        uid = user.pw_uid
        gids |= set(os.getgrouplist(_SANLOCK, user.pw_gid))
    mode = st["mode"]
    if st["uid"] == uid:
        return mode >> 6 & _READ_WRITE == _READ_WRITE
    if st["gid"] in gids:
        return mode >> 3 & _READ_WRITE == _READ_WRITE
    return mode & _READ_WRITE == _READ_WRITE


def _refused(sd_id: str, name: str, problem: str) -> errors.AccessRefused:
    path = name if name == DOM_MD else f"{DOM_MD}/{name}"
    return errors.AccessRefused(sd_id, path, problem)


def _owner(st: Stat | None) -> str:
    if not st:
        return "nothing is known of it"
    mode = stat.S_IMODE(st["mode"])
    return f"owner {st['uid']}:{st['gid']}, mode {mode:04o}"


# The rest


def _check_space(
    sd_id: str, facts: Mapping[str, Any], found: Findings
) -> None:
    space = facts.get("space")
    if not space:
        return
    found.looked_at.append("free space")
    size = space["block_size"]
    for key, what in (("blocks", "space"), ("inodes", "inode")):
        if space[key] == 0 and key == "blocks" and size > _SMALL_BLOCK:
            text = f"less than {size // 1024} KiB are free for new metadata"
            found.notes.append(text)
        elif space[key] == 0:
            problem = f"no {what} is free for the new metadata"
            found.problems.append(errors.ChangeWouldFail(sd_id, problem))


def _add_leftovers(
    sd_id: str, facts: Mapping[str, Any], found: Findings
) -> None:
    names = facts.get("leftovers")
    if names is None:
        return
    found.looked_at.append("leftovers")
    ours = [name for name in facts["in_the_way"] if name != LEFTOVER]
    if ours != facts["in_the_way"]:
        # VDSM follows a link there, and waits for the reader of a FIFO.
        problem = (
            f"it writes to {LEFTOVER} in dom_md, which is no regular file"
        )
        found.problems.append(errors.DomainRefused(sd_id, problem))
    if ours:
        shown = ", ".join(map(printable, ours))
        problem = f"directories in dom_md have names of new metadata: {shown}"
        found.problems.append(errors.ChangeWouldFail(sd_id, problem))
    if not names:
        return
    shown = ", ".join(map(printable, names))
    if facts["more"]:
        shown += f" and {facts['more']} more"
    found.notes.append(
        f"left in dom_md by writes that did not end, or are under way: {shown}"
        "; the next change removes those of this tool"
    )

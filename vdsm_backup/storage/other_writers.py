# SPDX-License-Identifier: GPL-2.0-or-later
"""
The files of other writers of a file domain's metadata, and the fence that
they make.

A host that was frozen in the middle of a write, for longer than its lease
lasts, goes on when it is thawed, and another host may have changed the
metadata since. sanlock cannot stop it in time. So no writer renames its file
over `metadata` before it has, in this order,

1. made that file, metadata.new.<host>.<pid>.<random>,
2. listed the directory and taken away the files of all other writers: their
   renames find no file then,
3. compared `metadata` once more with what it began with.

Of two writers that began with the same metadata at most one gets to its end,
wherever they are stopped and for how long. Say that A lists the directory and
does not see B's file. Then B makes its file after that, and lists the
directory later still. If A's file is there then, B takes it away, and A's
rename fails. If it is not there, A has renamed it already, and B's comparison
shows that.

The second names that a writer makes (overwritten.py) look like such files, and
are taken away, too: only their own writer needs them, for a moment.

A file that cannot be taken away refuses the write. The files that are there at
the start are taken away at once, so that the writer who has the lease now
comes first.

Where `metadata` is not whole, the file of another writer may be all that is
left: on NFS a rename is two steps, and one that was killed between them leaves
no `metadata`. Such a file is not removed. It gets another name, at the last
moment, and is removed when the new metadata has been read back.

VDSM's own `metadata.new` is left where it is. VDSM writes without a lease at
times, under this one name, so it may be the file of a VDSM that is at work.
"""

from __future__ import annotations

import os
import re

from vdsm_backup import errors
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, TypeVar

    from vdsm_backup.fileio.base import FileIO

    T = TypeVar("T")

_WRITERS_FILE = re.compile(r"metadata\.new\.[^/]*\.\d+\.[0-9a-f]{16}")

# In each file domain, beside the metadata.
_IN_EACH_DOMAIN = "ids"


def take_away_others(
    io: FileIO,
    sd_id: str,
    directory: str,
    take_away: Callable[[str], T],
    own: str | None = None,
) -> list[T]:
    """
    Call take_away(path) for the file of each other writer, and return the
    results of these calls.

    directory: the domain's dom_md.
    own: the path of our own file, if we have made it.

    Raises WriteFailed if a file cannot be taken away, and what a FileIO
    raises.
    """
    others = _others(io, sd_id, directory, own)
    results = []
    for path in sorted(others):
        try:
            results.append(take_away(path))
        except FileNotFoundError:
            # Its own writer has removed it. Or that writer has renamed it,
            # which our comparison of the metadata will show.
            continue
        except OSError as e:
            raise _not_clean(sd_id, path, e.strerror)
    # Gluster was seen to answer ENOENT for a file that it lists.
    if others:
        for path in sorted(others & _others(io, sd_id, directory, own)):
            raise _not_clean(sd_id, path, "it does not go away")
    return results


def _others(
    io: FileIO, sd_id: str, directory: str, own: str | None
) -> set[str]:
    """The paths of the files of other writers."""
    paths = {os.path.join(directory, name) for name in io.listdir(directory)}
    # ioprocess does not tell that a listing broke off. A listing without a
    # file that is there for sure has broken off.
    there = [os.path.join(directory, _IN_EACH_DOMAIN)]
    if own:
        there.append(own)
    for path in there:
        if path not in paths:
            name = os.path.basename(path)
            reason = f"its listing broke off, {name} is not in it"
            raise _not_clean(sd_id, directory, reason)
    return {
        path
        for path in paths - {own}
        if _WRITERS_FILE.fullmatch(os.path.basename(path))
    }


def _not_clean(
    sd_id: str, path: str, reason: str | None
) -> errors.WriteFailed:
    reason = f"{printable(path)}: {reason}"
    return errors.WriteFailed(sd_id, "clean", reason)

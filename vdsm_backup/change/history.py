# SPDX-License-Identifier: GPL-2.0-or-later
"""
Copies of a domain's metadata, kept on this host before each change.

    <dir>/<sdUUID>/000001.json
        {"schema": 1, "number": 1, "domain": UUID, "time": UTC,
         "by": user@host, "action": "set", "place": directory or VG,
         "lines": [...]}
    <dir>/<sdUUID>/000001.extra     what the storage has beside the lines: of
                                    a block domain, LVM's own backup of the
                                    VG's metadata (vgcfgbackup)

Directories are 0700 and files 0600: metadata names servers and paths. A copy
is on disk (fsync of file and directory) before the change begins. If it
cannot be kept, nothing is changed.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.metadata import flag
from vdsm_backup.processes import directories, records

if TYPE_CHECKING:
    from vdsm_backup.storage.base import Reader

SCHEMA = 1
_NAME = re.compile(r"(\d{6,})\.json")


@dataclass(frozen=True)
class Copy:
    """
    A kept copy; the fields are the keys of its file.

    domain: UUID of the domain. time: UTC, in flag.SINCE_FORMAT.
    action: what the change was: set, clear, restore.
    place: the directory or VG where the domain was found.
    """

    number: int
    domain: str
    time: str
    by: str
    action: str
    place: str
    lines: list[str]


class History:
    """
    The copies that this host has kept.

    directory: <dir> above. It is made when the first copy is kept.
    """

    def __init__(self, directory: str) -> None:
        self._dir = directory

    def keep(
        self, storage: Reader, lines: list[str], by: str, action: str
    ) -> Copy:
        """
        Keep these lines of a domain, and what the storage has beside them.

        Raises HistoryFailed, and what Reader.save_extra() does.
        """
        directory = self._domain_dir(storage.sd_id)
        try:
            directories.make(self._dir, 0o700)
            directories.make(directory, 0o700)
            copy = self._write(directory, storage, lines, by, action)
            storage.save_extra(self._path(storage.sd_id, copy.number, "extra"))
            records.sync_directory(directory)
            records.sync_directory(self._dir)
        except OSError as e:
            raise _failed(directory, e)
        return copy

    def numbers(self, sd_id: str) -> list[int]:
        """
        Numbers of the copies of this domain, oldest first.
        Raises HistoryFailed.
        """
        try:
            names = os.listdir(self._domain_dir(sd_id))
        except FileNotFoundError:
            return []
        except OSError as e:
            raise _failed(self._domain_dir(sd_id), e)
        matches = [_NAME.fullmatch(name) for name in names]
        return sorted(int(m[1]) for m in matches if m)

    def get(self, sd_id: str, number: int) -> Copy:
        """
        The copy of this number. Raises HistoryNotFound, HistoryFailed.
        """
        path = self._path(sd_id, number, "json")
        try:
            with open(path, encoding="ascii") as f:
                data = dict(json.load(f))
            del data["schema"]
            return _typed(Copy(**data))
        except FileNotFoundError:
            raise errors.HistoryNotFound(sd_id, number)
        except OSError as e:
            raise _failed(path, e)
        except (ValueError, TypeError, KeyError) as e:
            raise errors.HistoryFailed(path, f"damaged copy: {e}")

    def _write(
        self,
        directory: str,
        storage: Reader,
        lines: list[str],
        by: str,
        action: str,
    ) -> Copy:
        while True:
            number = max(self.numbers(storage.sd_id), default=0) + 1
            copy = Copy(
                number=number,
                domain=storage.sd_id,
                time=time.strftime(flag.SINCE_FORMAT, time.gmtime()),
                by=by,
                action=action,
                place=storage.found_at,
                lines=lines,
            )
            path = self._path(storage.sd_id, number, "json")
            # mkstemp() makes it with 0600.
            fd, temporary = tempfile.mkstemp(dir=directory)
            try:
                records.write_json(fd, {"schema": SCHEMA, **asdict(copy)})
                # Unlike rename, link never replaces another's copy.
                os.link(temporary, path)
            except FileExistsError:
                continue
            finally:
                os.unlink(temporary)
            return copy

    def _domain_dir(self, sd_id: str) -> str:
        return os.path.join(self._dir, sd_id)

    def _path(self, sd_id: str, number: int, suffix: str) -> str:
        return os.path.join(self._domain_dir(sd_id), f"{number:06}.{suffix}")


def _typed(copy: Copy) -> Copy:
    """
    The same copy. Raises TypeError if a field is no text that others print
    and parse as text.
    """
    texts = [copy.time, copy.by, copy.action, copy.place, *copy.lines]
    if not isinstance(copy.lines, list):
        raise TypeError("its lines are no list")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("it has something else than text")
    return copy


def _failed(path: str, error: OSError) -> errors.HistoryFailed:
    return errors.HistoryFailed(path, directories.why(error, path))

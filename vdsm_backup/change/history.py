# SPDX-License-Identifier: GPL-2.0-or-later
"""
Copies of a domain's metadata, kept on this host before each change.

    <dir>/<sdUUID>/000001.json
        {"schema": 1, "number": 1, "domain": UUID, "time": UTC,
         "by": who, "action": "set", "place": where, "lines": [...]}
    <dir>/<sdUUID>/000001.extra     what else the storage keeps (vgcfgbackup)

Directories are 0700 and files 0600: metadata names servers and paths. A copy
is on disk (fsync of file and directory) before the change begins; if it
cannot be kept, nothing is changed.
"""

import json
import os
import re
import tempfile
import time
from dataclasses import asdict, dataclass

from vdsm_backup import errors
from vdsm_backup.metadata import flag
from vdsm_backup.processes import directories, records

SCHEMA = 1
_NAME = re.compile(r"(\d{6,})\.json")


@dataclass(frozen=True)
class Copy:
    number: int
    domain: str
    time: str
    by: str
    action: str
    place: str
    lines: list


class History:
    """Copies of the domains changed on this host."""

    def __init__(self, directory):
        self._dir = directory

    def keep(self, storage, lines, by, action):
        """
        Keep these lines; returns the Copy. Raises HistoryFailed.
        """
        directory = self._domain_dir(storage.sd_id)
        try:
            directories.make(self._dir, 0o700)
            directories.make(directory, 0o700)
            copy = self._write(directory, storage, lines, by, action)
            storage.backup(self._path(storage.sd_id, copy.number, "extra"))
            records.sync_directory(directory)
            records.sync_directory(self._dir)
        except OSError as e:
            raise _failed(directory, e)
        return copy

    def numbers(self, sd_id):
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

    def get(self, sd_id, number):
        """Raises HistoryNotFound, HistoryFailed."""
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

    def _write(self, directory, storage, lines, by, action):
        while True:
            number = max(self.numbers(storage.sd_id), default=0) + 1
            copy = Copy(
                number=number,
                domain=storage.sd_id,
                time=time.strftime(flag.SINCE_FORMAT, time.gmtime()),
                by=by,
                action=action,
                place=storage.place,
                lines=lines,
            )
            path = self._path(storage.sd_id, number, "json")
            # Made with 0600.
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

    def _domain_dir(self, sd_id):
        return os.path.join(self._dir, sd_id)

    def _path(self, sd_id, number, suffix):
        return os.path.join(self._domain_dir(sd_id), f"{number:06}.{suffix}")


def _typed(copy):
    """Raises TypeError if what others print and parse is no text."""
    texts = [copy.time, copy.by, copy.action, copy.place, *copy.lines]
    if not isinstance(copy.lines, list):
        raise TypeError("its lines are no list")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("it has something else than text")
    return copy


def _failed(path, error):
    return errors.HistoryFailed(path, directories.why(error, path))

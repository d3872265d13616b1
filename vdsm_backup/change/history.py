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

The file of a copy is a record. Records travel between hosts: export() gives
one as it was kept, and copy_file.py reads it there.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
import time
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.metadata import flag
from vdsm_backup.processes import directories, records
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    from typing import Any

    from vdsm_backup.storage.base import Reader

SCHEMA = 1

# Bytes. Metadata has at most 1 MiB (MAX_SIZE in storage/file.py), and JSON
# takes 6 bytes for a character that takes one there.
MAX_RECORD = 8 * 1024**2

_NAME = re.compile(r"(\d{6,})\.json")


@dataclass(frozen=True)
class Copy:
    """
    A kept copy; the fields are the keys of its file.

    domain: UUID of the domain. time: UTC, in flag.SINCE_FORMAT.
    action: what the change was: set, clear, restore, reseal.
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

    def domains(self) -> list[str]:
        """
        UUIDs of the domains that have a history here. Raises HistoryFailed.
        """
        try:
            return sorted(filter(is_uuid, os.listdir(self._dir)))
        except FileNotFoundError:
            return []
        except OSError as e:
            raise _failed(self._dir, e)

    def get(self, sd_id: str, number: int) -> Copy:
        """
        The copy of this number. Raises HistoryNotFound, HistoryFailed.
        """
        return self._read(sd_id, number)[0]

    def export(self, sd_id: str, number: int) -> str:
        """
        The record of the copy of this number, as it was kept. Raises as get():
        a damaged record is not exported.
        """
        record = self._read(sd_id, number)[1].decode("utf-8")
        # Whoever prints it may escape other characters in a way of its own.
        return record if record.isascii() else json.dumps(json.loads(record))

    def _read(self, sd_id: str, number: int) -> tuple[Copy, bytes]:
        path = self._path(sd_id, number, "json")
        try:
            record, _ = read_file(path)
            return parse(record), record
        except FileNotFoundError:
            error = errors.HistoryNotFound(sd_id, number)
            error.has_others = bool(self.numbers(sd_id))
            raise error
        except OSError as e:
            raise _failed(path, e)
        except ValueError as e:
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


def read_file(path: str) -> tuple[bytes, os.stat_result]:
    """
    (what is in a file, its status). Never waits for a FIFO or a device.

    Raises OSError, ValueError if it is no file that can be a record.
    """
    # Opening some devices does something, so they are not even opened.
    _require_regular(os.stat(path))
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
    with open(os.open(path, flags), "rb") as f:
        status = os.fstat(f.fileno())
        _require_regular(status)
        data = f.read(MAX_RECORD + 1)
    if len(data) > MAX_RECORD:
        raise ValueError(f"it is larger than {MAX_RECORD} bytes")
    return data, status


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")


def parse(record: bytes) -> Copy:
    """
    The copy that a record has. Raises ValueError, whose text is harmless, if
    it has none.
    """
    try:
        fields = json.loads(record.decode("utf-8"))
    except (ValueError, RecursionError) as e:
        raise ValueError(f"it is not JSON, or is cut: {printable(str(e))}")
    if not isinstance(fields, dict):
        raise ValueError("it is no JSON object")
    schema = fields.pop("schema", None)
    if type(schema) is not int:
        raise ValueError("it has no schema, which is a number")
    if schema != SCHEMA:
        shown = printable(str(schema))
        raise ValueError(f"its schema is {shown}, and not {SCHEMA}")
    return _copy_of(fields)


def _copy_of(fields: dict[str, Any]) -> Copy:
    """Raises ValueError if these are not the fields of a copy."""
    expected = {name.name for name in dataclass_fields(Copy)}
    if fields.keys() != expected:
        keys = sorted(fields.keys() ^ expected)
        shown = printable(", ".join(keys))
        raise ValueError(f"it lacks these keys, or has them beside: {shown}")
    copy = Copy(**fields)
    if type(copy.number) is not int or copy.number < 1:
        raise ValueError("its number is no number of a copy")
    if not isinstance(copy.lines, list):
        raise ValueError("its lines are no list")
    texts = [copy.domain, copy.time, copy.by, copy.action, copy.place]
    if not all(isinstance(text, str) for text in [*texts, *copy.lines]):
        raise ValueError("it has something else than text")
    return copy


def _failed(path: str, error: OSError) -> errors.HistoryFailed:
    return errors.HistoryFailed(path, directories.why(error, path))

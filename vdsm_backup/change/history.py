# SPDX-License-Identifier: GPL-2.0-or-later
"""
Copies of a domain's metadata, kept on this host before each change.

    <dir>/<sdUUID>/000001.json
        {"schema": 2, "number": 1, "domain": UUID, "time": UTC,
         "by": user@host, "action": "set", "place": directory or VG,
         "lines": [...], "reason": TEXT or null, "via": "command" or "vdsm",
         "result": "done", "after": true, "code": null}
    <dir>/<sdUUID>/000001.extra     what the storage has beside the lines: of
                                    a block domain, LVM's own backup of the
                                    VG's metadata (vgcfgbackup)

Directories are 0700 and files 0600: metadata names servers and paths. A copy
is on disk (fsync of file and directory) before the change begins. If it
cannot be kept, nothing is changed.

When the change has ended, conclude() puts another file in the place of that of
the copy, which says how. Until then, and if the process of the change is
killed, `result` is "unknown". Either file is whole. Schema 1 is still read: it
ends at `lines`.

The file of a copy is a record. Records travel between hosts: export() gives
one as it was kept, and copy_file.py reads it there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.change import copy_record
from vdsm_backup.change.copy_record import Copy
from vdsm_backup.metadata import flag
from vdsm_backup.processes import directories, durable_files
from vdsm_backup.text import is_uuid

if TYPE_CHECKING:
    from vdsm_backup.storage.base import Reader

# What is said of a change that has not ended: attempt.UNKNOWN.
_UNKNOWN = "unknown"

_NAME = re.compile(r"(\d{6,})\.json")


class History:
    """
    The copies that this host has kept.

    directory: <dir> above. It is made when the first copy is kept.
    """

    def __init__(self, directory: str) -> None:
        self._dir = directory

    def keep(
        self,
        storage: Reader,
        lines: list[str],
        by: str,
        action: str,
        reason: str | None = None,
        via: str | None = None,
    ) -> Copy:
        """
        Keep these lines of a domain, and what the storage has beside them. The
        other arguments are those of Copy.

        Raises HistoryFailed, and what Reader.save_extra() does.
        """
        directory = self._domain_dir(storage.sd_id)
        try:
            directories.make(self._dir, 0o700)
            directories.make(directory, 0o700)
            copy = Copy(
                number=0,
                domain=storage.sd_id,
                time=time.strftime(flag.SINCE_FORMAT, time.gmtime()),
                by=by,
                action=action,
                place=storage.found_at,
                lines=lines,
                reason=reason or None,
                via=via,
                result=_UNKNOWN,
            )
            copy = self._write(directory, copy)
            storage.save_extra(self._path(storage.sd_id, copy.number, "extra"))
            durable_files.sync_directory(directory)
            durable_files.sync_directory(self._dir)
        except OSError as e:
            raise _failed(directory, e)
        return copy

    def conclude(
        self, copy: Copy, result: str, after: bool | None, code: int | None
    ) -> None:
        """
        Have the record of a copy say how the change has ended. The arguments
        are those of Copy. Raises HistoryFailed; the record is as it was then.
        """
        directory = self._domain_dir(copy.domain)
        ended = copy._replace(result=result, after=after, code=code)
        try:
            temporary = _write_beside(directory, ended)
            try:
                path = self._path(copy.domain, copy.number, "json")
                os.rename(temporary, path)
            except BaseException:
                # It is there no more if a signal came after the rename.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
                raise
            durable_files.sync_directory(directory)
        except OSError as e:
            raise _failed(directory, e)

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

    def all(self, sd_id: str) -> tuple[list[Copy], list[errors.Error]]:
        """
        (the copies of this domain, oldest first; the errors of those that
        could not be read). Raises HistoryFailed.
        """
        copies: list[Copy] = []
        failed: list[errors.Error] = []
        for number in self.numbers(sd_id):
            try:
                copies.append(self.get(sd_id, number))
            except errors.Error as e:
                failed.append(e)
        return copies, failed

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
            record, _ = copy_record.read_file(path)
            return copy_record.parse(record), record
        except FileNotFoundError:
            error = errors.HistoryNotFound(sd_id, number)
            error.has_others = bool(self.numbers(sd_id))
            raise error
        except OSError as e:
            raise _failed(path, e)
        except ValueError as e:
            raise errors.HistoryFailed(path, f"{errors.DAMAGED_COPY}: {e}")

    def _write(self, directory: str, copy: Copy) -> Copy:
        """Returns it with the number that it has got."""
        while True:
            number = max(self.numbers(copy.domain), default=0) + 1
            copy = copy._replace(number=number)
            temporary = _write_beside(directory, copy)
            try:
                # Unlike rename, link never replaces another's copy.
                os.link(temporary, self._path(copy.domain, number, "json"))
            except FileExistsError:
                continue
            finally:
                os.unlink(temporary)
            return copy

    def _domain_dir(self, sd_id: str) -> str:
        return os.path.join(self._dir, sd_id)

    def _path(self, sd_id: str, number: int, suffix: str) -> str:
        return os.path.join(self._domain_dir(sd_id), f"{number:06}.{suffix}")


def _write_beside(directory: str, copy: Copy) -> str:
    """The path of a new file with the record of a copy. Raises OSError."""
    # As mkstemp() makes one, which takes long to import.
    path = os.path.join(directory, f"tmp{os.urandom(8).hex()}")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
    try:
        durable_files.write_json(fd, copy_record.content(copy))
    except BaseException:
        os.unlink(path)
        raise
    return path


def _failed(path: str, error: OSError) -> errors.HistoryFailed:
    return errors.HistoryFailed(path, directories.why(error, path))

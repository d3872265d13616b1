# SPDX-License-Identifier: GPL-2.0-or-later
"""
File I/O that only reads, by the companion of this process (reader.py).

Where `embedded` is used, and there is a companion, a FileIO for reading uses
it: see choose.py. A FileIO costs next to nothing then, and all of them can be
in a call at the same time.
"""

from __future__ import annotations

import os
import time

from vdsm_backup.fileio import reader
from vdsm_backup.fileio.base import Closed, FileIO, StatResult, Timeout
from vdsm_backup.processes import companion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ReadingFileIO(FileIO):
    """A call that changes something is ValueError."""

    kind = "embedded"

    def __init__(
        self,
        by: companion.Companion,
        name: str,
        timeout: float,
        base: str = "/",
    ) -> None:
        super().__init__(name, timeout, base)
        self._by = by
        #: The call in hand.
        self._asked: companion.Asked | None = None

    @property
    def pid(self) -> int:
        """Of the child, also after it has ended."""
        return self._by.pid

    def _request(self, op: str, path: str, *args: Any) -> Any:
        if op not in reader.CALLS:
            raise ValueError(f"{op}: this only reads")
        deadline = time.monotonic() + self.timeout
        try:
            data = self._ask(
                op, reader.encode(self.base, path, *args), deadline
            )
        except companion.Late:
            raise Timeout from None
        except companion.Gone as e:
            raise Closed(str(e)) from None
        if op == "lstat":
            return _stat_result(data)
        if op == "listdir":
            return [os.fsdecode(name) for name in data.split(b"\0")[:-1]]
        return data

    def _ask(self, op: str, data: bytes, deadline: float) -> bytes:
        with self._by.ask(op, data, deadline) as asked:
            self._asked = asked
            if self._ended is not None:
                # While we waited for another thread's call.
                raise companion.Gone("closed")
            return asked.next(deadline)[1]

    def _leave(self, busy_changing: bool) -> None:
        # A thread that waits for an answer. The call itself ends when the
        # storage answers, and nobody listens then.
        if self._asked is not None:
            self._asked.close()


def _stat_result(data: bytes) -> StatResult:
    if len(data) != reader.STAT.size:
        raise Closed("the reader makes no sense")
    return StatResult(*reader.STAT.unpack(data))

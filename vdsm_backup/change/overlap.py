# SPDX-License-Identifier: GPL-2.0-or-later
"""
A change, also where somebody without the lease writes at the same time.

The lease keeps all others from a domain but VDSM, which writes some keys
without it. So a write may meet other metadata than it was to replace, or find
afterwards that somebody else has written, too. As long as the lease is ours
for certain, that was VDSM. Then what merge.py makes of both is written, in the
same way: with the lease checked at each step, and nothing but what was found
replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.change import merge

if TYPE_CHECKING:
    from collections.abc import Callable

    from vdsm_backup.change.write import Held
    from vdsm_backup.storage.base import Overlapped, Reader

# How often what somebody else writes at the same time is merged, if they write
# again each time.
ATTEMPTS = 5


class Overlap(Exception):
    """
    A write ended, and somebody else had written at the same time.

    error: what is raised if both cannot be merged.
    overlapped: what is on storage.
    """

    def __init__(self, error: Exception, overlapped: Overlapped) -> None:
        super().__init__()
        self.error = error
        self.overlapped = overlapped


def merging(
    write_once: Callable[[list[str] | None, list[str]], None],
    storage: Reader,
    held: Held,
    old: list[str] | None,
    new: list[str],
) -> list[str]:
    """
    Replace the lines `old` by `new`, and merge what somebody without the lease
    writes at the same time. Returns and raises as Lease.write() in world.py.

    write_once: replaces lines once, or raises as Lease.write() does, or
        Overlap.
    """
    try:
        write_once(old, new)
        return new
    except (Overlap, errors.MetadataChanged) as e:
        if old is None:
            raise _error_of(e)
        change = merge.Write(old, new)
        return _Merging(write_once, storage, held, change).run(e)


class _Merging:
    """A change whose write has overlapped with somebody else's."""

    def __init__(
        self,
        write_once: Callable[[list[str] | None, list[str]], None],
        storage: Reader,
        held: Held,
        change: merge.Write,
    ) -> None:
        self._write_once = write_once
        self._storage = storage
        self._held = held
        self._change = change
        self._lost: list[list[str]] = []

    def run(self, failure: Overlap | errors.MetadataChanged) -> list[str]:
        last = self._change
        for _ in range(ATTEMPTS):
            found = self._found(last, failure)
            merged = self._merge(last, found, failure)
            if sorted(merged.lines) == sorted(found):
                return self._answer(merged, failure)
            last = merge.Write(found, merged.lines)
            try:
                self._write_once(last.old, last.new)
            except (Overlap, errors.MetadataChanged) as e:
                failure = e
            except errors.Error as e:
                raise self._half_done(failure, e)
            else:
                return self._answer(merged, None)
        raise _error_of(failure)

    def _found(
        self, last: merge.Write, failure: Overlap | errors.MetadataChanged
    ) -> list[str]:
        """What is on storage now. Keeps what our last write has replaced."""
        if isinstance(failure, Overlap):
            replaced = failure.overlapped.replaced
            if replaced is not None and replaced != last.old:
                self._lost.append(replaced)
            return failure.overlapped.found
        try:
            return self._storage.read()
        except errors.Error:
            raise failure

    def _merge(
        self,
        last: merge.Write,
        found: list[str],
        failure: Overlap | errors.MetadataChanged,
    ) -> merge.Merged:
        """Raises the error of the failure if both cannot be merged."""
        try:
            self._held.check()
        except errors.LeaseLost:
            raise _error_of(failure)
        if not self._held.is_certain():
            # What was found may be the change of another host, which has the
            # lease now.
            raise _error_of(failure)
        sd_id = self._storage.sd_id
        merged = merge.merge(sd_id, self._change, last, found, self._lost)
        if merged is None:
            raise _error_of(failure)
        return merged

    def _answer(
        self,
        merged: merge.Merged,
        failure: Overlap | errors.MetadataChanged | None,
    ) -> list[str]:
        """
        The lines that are on storage, if our flag is in them. Otherwise raises
        the error of the failure; None: theirs were made whole by us.
        """
        if merged.ours:
            return merged.lines
        if failure:
            raise _error_of(failure)
        raise errors.MetadataChanged(self._storage.sd_id)

    def _half_done(
        self,
        failure: Overlap | errors.MetadataChanged,
        error: errors.Error,
    ) -> Exception:
        """
        What is raised where merging has failed by this error. Often the error
        says that nothing was changed, which is true of the merge alone.
        """
        if self._lost:
            reason = (
                "somebody else wrote at the same time, and what they wrote is"
                f" lost; putting it back failed: {error}"
            )
            return errors.OutcomeUnknown(self._storage.sd_id, reason)
        if isinstance(failure, errors.MetadataChanged):
            return error
        return failure.error


def _error_of(failure: Overlap | errors.MetadataChanged) -> Exception:
    return failure.error if isinstance(failure, Overlap) else failure

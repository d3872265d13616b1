# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a change of one domain needs from the world, as Protocols.

On the command line cli/wiring.py is the world: sanlock's lease, a writer
process, and three ways to see who uses the domain. Inside VDSM it is
plugin/verbs.py: VDSM's lease and transaction, and the VMs that VDSM knows. In
tests it is in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from vdsm_backup.change.attempt import Attempt
    from vdsm_backup.change.history import History
    from vdsm_backup.change.request import Request


class World(Protocol):
    """What a change needs. All of it is about the one domain."""

    @property
    def history(self) -> History:
        """The copies that this host keeps."""

    @property
    def attempt(self) -> Attempt:
        """Who makes the change, for BACKUP_BY; and how far it has come."""

    @property
    def settle(self) -> float:
        """
        Seconds to search for users again after the flag was set. A VM that
        has read the flag before may still start afterwards.
        """

    def lease(
        self, values: Mapping[str, str]
    ) -> AbstractContextManager[Lease]:
        """
        The SDM lease, as long as the context lasts.

        values: the metadata of the domain, which has the lease's geometry.

        Raises an error if the lease cannot be taken, such as LeaseBusy,
        SanlockFailed, HostsLive; and what reading the domain does.
        """

    def users(self) -> Users:
        """Who uses the domain. Raises none of our errors."""

    def is_hosted_engine(self) -> bool:
        """Whether the engine's own VM is on the domain."""

    def require_may_write(self, pool: str, request: Request) -> None:
        """
        Raises an error if somebody else has to make the change.

        pool: the pool that the domain is attached to; empty if it is not.
        """

    def progress(self, text: str) -> None:
        """Tell somebody who waits what is going on."""


class Lease(Protocol):
    """The SDM lease, while we have it."""

    def write(self, old: list[str] | None, new: list[str]) -> list[str]:
        """
        Replace the lines `old` by `new`. Returns the lines that are on storage
        now. These are `new`, unless somebody without the lease wrote at the
        same time: then the keys that they wrote are in them, too.

        old: None if no lines can be had from what is there now.

        Raises a class of errors if nothing was changed, and Unsettled if that
        cannot be said.
        """


class Users(Protocol):
    """
    Who uses a domain.

    blocking: uses that the flag forbids.
    images: images that something has open for writing.
    notes: uses that do no harm, and all that could not be seen.
    elsewhere: what of other hosts is never seen on storage of this kind.
    """

    @property
    def blocking(self) -> Sequence[str]: ...

    @property
    def images(self) -> Sequence[str]: ...

    @property
    def notes(self) -> Sequence[str]: ...

    @property
    def elsewhere(self) -> Sequence[str]: ...


class Unsettled(Exception):
    """
    A write began and did not end well. Only a reader can tell the outcome.

    cause: why it did not end well.
    ended: the call that writes has come back, so what is on storage now
        stays. Otherwise it may still be on its way: also where it came back
        with an error after which the storage may carry it out later.
    failed: the call came back with an error. So if the new lines are not
        there now, they will not come: the old ones are there, or somebody
        else's.
    durable: if the new lines are there, no crash takes them away again.
    lines: (old, new) as the write had them, if it began with others than it
        was given.
    """

    def __init__(
        self,
        cause: str,
        ended: bool,
        failed: bool = False,
        durable: bool = False,
        lines: tuple[list[str], list[str]] | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.ended = ended
        self.failed = failed
        self.durable = durable
        self.lines = lines

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The guard on this host, put together: for the hooks and for `check`.
"""

from __future__ import annotations

import time

from vdsm_backup import errors
from vdsm_backup.guard import policy
from vdsm_backup.host import mounts
from vdsm_backup.vm import domxml, links, needs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Protocol

    from vdsm_backup.guard.verdict import Guard, Verdict
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage import base as storage_base
    from vdsm_backup.vm.needs import Resolved, UnresolvedPaths
    from vdsm_backup.vm.paths import Location

    class Options(policy.Options, storage_base.Options, Protocol):
        """
        The configuration, as far as the guard and the reading of a domain
        need it.
        """

        @property
        def settle(self) -> float: ...


# Seconds that a call gets when the time is over, since no timeout can be zero.
# The code that waits for the call is about to give up then.
_MIN_TIMEOUT = 0.1


def parse_vm(xml: str | bytes) -> domxml.Vm:
    """
    The VM that an XML describes.

    Raises VmUnclear.
    """
    try:
        return domxml.parse(xml)
    except domxml.BadXml as e:
        raise errors.VmUnclear(f"its XML {e}")


class GuardedVm:
    """
    A VM, and what it needs.

    The constructor follows the links on the paths of the disks, as the user
    that the process is then. libvirt's hook is root then, which sees as much
    as qemu; after that it becomes the user that reads storage.

    deadline: of time.monotonic(), until which links are followed.

    Raises VmUnclear.
    """

    def __init__(
        self, options: Options, vm: domxml.Vm, deadline: float
    ) -> None:
        finder = make_finder(options, deadline)
        self._options = options
        self._finder = finder
        self._needs = finder.needs(vm)

    @property
    def needs_nothing(self) -> bool:
        """Whether the VM needs no storage domain, for certain."""
        return not (self._needs.known or self._needs.unresolved)

    def verdict(
        self, operation: str, deadline: float, slow: Slow | None = None
    ) -> Verdict:
        """
        May the VM do this, by what is on storage now.

        deadline: of time.monotonic(), for all of it. slow: as of make_guard().
        """
        if policy.asks_storage(operation):
            self._start_companions()
        guard = make_guard(
            self._options,
            deadline,
            self._finder,
            [need.location for need in self._needs.known],
            slow,
        )
        return guard.verdict(operation, self._needs, deadline)

    def _start_companions(self) -> None:
        """
        Start the child that follows links, and reads file domains. There is
        no thread yet.
        """
        from vdsm_backup.storage import direct

        places = (need.location for need in self._needs.known)
        # A link that was not followed may lead to a file domain.
        if self._needs.unresolved or any(map(direct.may_be_file, places)):
            following = self._finder.companions(self._needs)
            made = direct.start_reader(self._options, following.calls)
            if made is not None:
                following.use(made)


def make_finder(options: Options, deadline: float) -> needs.Finder:
    """A Finder for one VM, until a deadline of time.monotonic()."""
    return needs.Finder(
        options.repo_root,
        options.lv_dir,
        mounts.table(),
        links.Limits(deadline),
    )


def make_guard(
    options: Options,
    deadline: float,
    finder: needs.Finder | None = None,
    locations: Iterable[Location] = (),
    slow: Slow | None = None,
) -> Guard:
    """
    A Guard that reads what is on storage now. What is late says [storage]
    io_timeout, which people have set, and not the part of it that one call
    had.

    deadline: of time.monotonic(), for all that it reads.
    finder: follows links on mounts that may hang; None where no Needs have
        such links.
    locations: those that are read first, at the same time.
    slow: called with the places that are still waited for, as of DirectReader.
    """
    # What reads storage is loaded for who reads storage: most hooks.
    from vdsm_backup.guard.verdict import Guard
    from vdsm_backup.processes.jobs import telling
    from vdsm_backup.storage import direct

    reader = direct.DirectReader(options, locations=locations, slow=slow)
    whole, settle = options.io_timeout, options.settle

    def left() -> float:
        return max(deadline - time.monotonic(), _MIN_TIMEOUT)

    def read(location: Location) -> list[str]:
        try:
            return reader.read(location, left())
        except errors.StorageTimeout as e:
            raise errors.StorageTimeout(e.what, whole)

    if finder is None:
        return Guard(
            policy.settings(options),
            read,
            whole,
            settle=settle,
            lag=reader.lag,
        )
    follow = finder.resolve

    def resolve(paths: UnresolvedPaths) -> Resolved:
        # Half of the time: the domains that this finds have to be read, too.
        names = list(dict.fromkeys(path for _, path in paths))
        with telling(names, slow):
            found, unresolved, why = follow(paths, left() / 2)
        if isinstance(why, errors.StorageTimeout):
            why = errors.StorageTimeout(why.what, whole)
        return found, unresolved, why

    return Guard(
        policy.settings(options), read, whole, resolve, settle, reader.lag
    )

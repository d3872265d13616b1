# SPDX-License-Identifier: GPL-2.0-or-later
"""
The guard: may a VM do what it wants with the domains that it needs.

The flag is read from storage each time, of all domains side by side: the
slowest one sets the time, and the deadline is one for all. A flag that cannot
be read is not "not flagged": it is an answer of its own.
"""

from __future__ import annotations

import functools
from collections import namedtuple

from vdsm_backup import errors
from vdsm_backup.guard import policy
from vdsm_backup.metadata import flag as md_flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.vm.paths import NotADomain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, List, Sequence

    from vdsm_backup.vm.needs import Need, Needs, Resolved, UnresolvedPaths
    from vdsm_backup.vm.paths import Location

    Read = Callable[[Location], List[str]]
    Resolve = Callable[[UnresolvedPaths], Resolved]


class Finding:
    """
    A domain that is flagged, or whose flag cannot be read.

    domain: its UUID. For paths that could not be resolved: the mount point.
        For a LUN that could not be read: its device.
    title: its name, or its UUID where the name is not known.
    devices: what of the VM is on it, for people: "disk vda", "a lease".
    flag: None if it cannot be read; then `error` says why.
    """

    def __init__(
        self,
        domain: str,
        title: str,
        devices: Iterable[str] = (),
        flag: md_flag.Flag | None = None,
        error: errors.Error | None = None,
    ) -> None:
        self.domain = domain
        self.title = title
        self.devices = list(devices)
        self.flag = flag
        self.error = error


class Verdict(
    namedtuple("Verdict", "operation settings findings", defaults=((),))
):
    """
    The answer to an operation of a VM.

    findings: of the domains that it needs, flagged ones first.
    """

    __slots__ = ()
    operation: str
    settings: policy.Settings
    findings: Sequence[Finding]

    def refuses(self, finding: Finding) -> bool:
        """Whether it is this finding that the operation is refused for."""
        known_flagged = finding.flag is not None
        return self.settings.refuses(self.operation, known_flagged)

    @property
    def allowed(self) -> bool:
        return not any(map(self.refuses, self.findings))


def _resolve_nothing(paths: UnresolvedPaths) -> Resolved:
    raise NotImplementedError("unresolved paths, and nothing to follow them")


class Guard:
    """
    Finds the flags of what a VM needs.

    settings: the current ones of this host.
    read: gives the metadata lines of the domain at a Location; runs in a
        thread, and raises errors of this package, or NotADomain.
    seconds: how long all may take, for the error of what is late. Where a
        deadline is near, not even a second of that may be left here.
    resolve: follows the links of unresolved paths in needs.Needs, see
        Finder.resolve(); runs in a thread. Not needed where no Needs have
        such paths.
    """

    def __init__(
        self,
        settings: policy.Settings,
        read: Read,
        seconds: float,
        resolve: Resolve = _resolve_nothing,
    ) -> None:
        self._settings = settings
        self._read = read
        self._seconds = seconds
        self._resolve = resolve

    def verdict(
        self, operation: str, needs: Needs, deadline: float
    ) -> Verdict:
        """
        The Verdict on an operation of a VM with these Needs. Where the flag
        does not matter, storage is not touched.

        deadline: of time.monotonic().
        """
        findings = []
        if policy.asks_storage(operation):
            findings = self._find(needs, deadline)
        return Verdict(operation, self._settings, findings)

    def _find(self, needs: Needs, deadline: float) -> list[Finding]:
        """
        Read each location in a job of its own, and follow the links on each
        mount in another. A location to which such links lead gets a job, too.

        Returns the findings of all locations and mounts.
        """
        late = errors.StorageTimeout("its storage", self._seconds)
        needs_at: dict[Location, list[Need]] = {}
        # The key is a Location for a job that reads a domain, and a mount
        # point for one that follows links.
        running = Jobs({})
        self._add(needs.known, needs_at, running)
        for mount, paths in needs.unresolved.items():
            running.add(mount, functools.partial(self._resolve, paths))
        answers: dict[Any, tuple[Any, Exception | None]] = {}
        unresolved: dict[str, tuple[UnresolvedPaths, Exception | None]] = {}
        for key, result, error in running.results(lambda: deadline):
            if key not in needs.unresolved:
                answers[key] = (result, error)
            elif error is not None:
                unresolved[key] = (needs.unresolved[key], error)
            else:
                more, left, why = result
                self._add(more, needs_at, running)
                unresolved[key] = (left, why)
        findings = _Findings()
        for location, there in needs_at.items():
            findings.add(there, *answers.get(location, (None, late)))
        for mount, paths in needs.unresolved.items():
            left, why = unresolved.get(mount, (paths, late))
            findings.add_unresolved(mount, left, why)
        return findings.all()

    def _add(
        self,
        needs: Iterable[Need],
        needs_at: dict[Location, list[Need]],
        running: Jobs,
    ) -> None:
        """
        Add needs to needs_at, which has those of each location. A location
        that is new there is read.
        """
        for need in needs:
            if need.location not in needs_at:
                read = functools.partial(self._read, need.location)
                running.add(need.location, read)
            needs_at.setdefault(need.location, []).append(need)


class _Findings:
    """
    One Finding for each domain. Of a domain that has several locations a flag
    that was read at any of them counts more than the errors of the others.
    """

    def __init__(self) -> None:
        self._by_domain: dict[str, Finding] = {}

    def add(
        self,
        needs: list[Need],
        lines: list[str] | None,
        error: Exception | None,
    ) -> None:
        """
        Add what was read at one location.

        needs: all that need it. lines: of its metadata, if there is no error.
        """
        if isinstance(error, NotADomain):
            return
        location = needs[0].location
        name, flag = location.title, None
        domain = location.domain or location.directory
        if error is None:
            try:
                # A LUN has whatever domain it has. Without any line, require()
                # raises NotMetadata.
                sd_id = location.domain or md_lines.domain(lines or ())
                sd_id = sd_id or domain
                values = md_lines.require(lines or (), sd_id).values
                name = values.get("DESCRIPTION") or sd_id
                flag = md_flag.read(values, sd_id)
                domain = sd_id
            except errors.Error as e:
                error = e
        if error is not None:
            if not location.candidate or self._unreported(
                need.device for need in needs
            ):
                self._put(domain, name, needs, None, _ours(error))
        elif flag is not None and flag.value:
            self._put(domain, name, needs, flag, None)

    def add_unresolved(
        self, mount: str, paths: UnresolvedPaths, error: Exception | None
    ) -> None:
        """
        Report unresolved paths on a mount, unless all their devices are in
        findings of known domains.

        error: why they are unresolved; None if there are none.
        """
        devices = self._unreported(device for device, _ in paths)
        if devices:
            found = Finding(
                mount, f"(below {mount})", devices, error=_ours(error)
            )
            self._by_domain.setdefault(mount, found)

    def _unreported(self, devices: Iterable[str]) -> list[str]:
        """
        Those of the devices that are in no finding yet.

        A directory that only has the name of a domain may lie in a real
        domain. If the real domain cannot be read, neither can the directory,
        and a second error would tell nothing more.
        """
        reported = {d for f in self._by_domain.values() for d in f.devices}
        return sorted(set(devices) - reported)

    def _put(
        self,
        domain: str,
        name: str,
        needs: Iterable[Need],
        flag: md_flag.Flag | None,
        error: errors.Error | None,
    ) -> None:
        found = self._by_domain.setdefault(domain, Finding(domain, name))
        devices = [*found.devices, *(need.device for need in needs)]
        found.devices = list(dict.fromkeys(devices))
        if flag is not None or found.flag is None:
            found.title, found.flag, found.error = name, flag, error

    def all(self) -> list[Finding]:
        return sorted(
            self._by_domain.values(),
            key=lambda f: (f.flag is None, f.devices, f.domain),
        )


def _ours(error: Exception | None) -> errors.Error:
    if isinstance(error, errors.Error):
        return error
    return errors.InternalError(type(error).__name__, str(error))

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The guard: may a VM do what it wants with the domains that it needs.

The flag is read from storage each time (reading.py). A flag that cannot be
read is not "not flagged": it is an answer of its own.
"""

from __future__ import annotations

from vdsm_backup import errors
from vdsm_backup.guard import policy
from vdsm_backup.guard.reading import Reading
from vdsm_backup.metadata import domain as md_domain
from vdsm_backup.metadata import flag as md_flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.record import Record
from vdsm_backup.vm.paths import NotADomain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Sequence

    from vdsm_backup.guard.permits import Permit
    from vdsm_backup.guard.reading import Read, Resolve
    from vdsm_backup.vm.needs import Need, Needs, Resolved, UnresolvedPaths


# Seconds after which nothing is too old.
_NEVER = float("inf")


class Finding:
    """
    A domain that is flagged, or whose flag cannot be read.

    domain: its UUID. For paths that could not be resolved: the mount point.
        For a LUN that could not be read: its device.
    title: its name, or its UUID where the name is not known.
    devices: what of the VM is on it, for people: "disk vda", "a lease".
    flag: None if it cannot be read; then `error` says why.
    master: whether it is the master domain of its pool, if that is known.
    """

    def __init__(
        self,
        domain: str,
        title: str,
        devices: Iterable[str] = (),
        flag: md_flag.Flag | None = None,
        error: errors.Error | None = None,
        master: bool = False,
    ) -> None:
        self.domain = domain
        self.title = title
        self.devices = list(devices)
        self.flag = flag
        self.error = error
        self.master = master


class Verdict(Record):
    """
    The answer to an operation of a VM.

    findings: of the domains that it needs, flagged ones first.
    permit: of this VM, if it has one, by which nothing is refused.
    """

    __slots__ = ("operation", "settings", "findings", "permit")

    def __init__(
        self,
        operation: str,
        settings: policy.Settings,
        findings: Sequence[Finding] = (),
        permit: Permit | None = None,
    ) -> None:
        self.operation = operation
        self.settings = settings
        self.findings = findings
        self.permit = permit

    def with_permit(self, permit: Permit | None) -> Verdict:
        """The same, where the VM has this permit."""
        return Verdict(self.operation, self.settings, self.findings, permit)

    def refuses(self, finding: Finding) -> bool:
        """Whether it is this finding that the operation is refused for."""
        if self.permit is not None:
            return False
        known_flagged = finding.flag is not None
        return self.settings.refuses(self.operation, known_flagged)

    def would_refuse(self, finding: Finding) -> bool:
        """Whether only the mode "permissive" lets this finding through."""
        settings = self.settings
        if settings.mode != policy.PERMISSIVE or self.permit is not None:
            return False
        strict = policy.Settings(policy.ENFORCING, settings.on_unreadable)
        return strict.refuses(self.operation, finding.flag is not None)

    def why_not(self, finding: Finding) -> str:
        """What lets a finding through that is not refused, for people."""
        if self.permit is not None:
            return "the VM has a permit"
        known_flagged = finding.flag is not None
        return self.settings.why_not(self.operation, known_flagged)

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
    settle: seconds; what was read longer than that before the answer is read
        again. Not needed where there is only one domain.
    lag: seconds that what read() gives for the first time may be older than
        the moment in which it gives it.
    """

    def __init__(
        self,
        settings: policy.Settings,
        read: Read,
        seconds: float,
        resolve: Resolve = _resolve_nothing,
        settle: float = _NEVER,
        lag: float = 0,
    ) -> None:
        self._settings = settings
        self._read = read
        self._seconds = seconds
        self._resolve = resolve
        self._settle = settle
        self._lag = lag

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
        """The findings of all locations and mounts."""
        late = errors.StorageTimeout("its storage", self._seconds)
        reading = Reading(
            needs, self._read, self._resolve, self._settle, self._lag
        )
        reading.run(deadline)
        findings = _Findings()
        for location, there in reading.needs_at.items():
            findings.add(there, *reading.answers.get(location, (None, late)))
        for mount, paths in needs.unresolved.items():
            left, why = reading.unresolved.get(mount, (paths, late))
            findings.add_unresolved(mount, left, why)
        return findings.all()


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
            found = self._put(domain, name, needs, flag, None)
            found.master = found.master or md_domain.is_master(values)

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
    ) -> Finding:
        found = self._by_domain.setdefault(domain, Finding(domain, name))
        devices = [*found.devices, *(need.device for need in needs)]
        found.devices = list(dict.fromkeys(devices))
        if flag is not None or found.flag is None:
            found.title, found.flag, found.error = name, flag, error
        return found

    def all(self) -> list[Finding]:
        return sorted(
            self._by_domain.values(),
            key=lambda f: (f.flag is None, f.devices, f.domain),
        )


def _ours(error: Exception | None) -> errors.Error:
    if isinstance(error, errors.Error):
        return error
    return errors.InternalError(type(error).__name__, str(error))

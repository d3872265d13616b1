# SPDX-License-Identifier: GPL-2.0-or-later
"""
The guard: may a VM do what it wants with the domains that it needs.

The flag is read from storage each time, of all domains side by side: the
slowest sets the time, and the deadline is one for all. A flag that cannot be
read is not "not flagged": it is an answer of its own.
"""

import functools
import time
from dataclasses import dataclass, field

from vdsm_backup import errors
from vdsm_backup.guard import policy
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.storage import direct


@dataclass
class Finding:
    """
    A domain that is flagged, or whose flag cannot be read.

    title: its name, or its UUID where the name is not known.
    whats: what of the VM is on it.
    flag: None if it cannot be read, and `error` says why.
    """

    domain: str
    title: str
    whats: list
    flag: "flag.Flag | None" = None
    error: "errors.Error | None" = None


@dataclass(frozen=True)
class Verdict:
    operation: str
    settings: policy.Settings
    findings: list = field(default_factory=list)

    def refuses(self, finding):
        readable = finding.flag is not None
        return self.settings.refuses(self.operation, readable)

    @property
    def allowed(self):
        return not any(map(self.refuses, self.findings))


class Guard:
    """
    settings: policy.Settings, those of now.
    read: gives the metadata lines of a where.Place; runs in a thread, and
        raises errors of this package, or NotADomain.
    resolve: follows what is open in needs.Needs, see Finder.resolve();
        likewise.
    """

    def __init__(self, settings, read, resolve=None):
        self._settings = settings
        self._read = read
        self._resolve = resolve

    def judge(self, operation, needs, deadline):
        """
        The Verdict. Where the flag does not matter, storage is not touched.

        deadline: of time.monotonic().
        """
        findings = []
        if policy.asks_storage(operation):
            findings = self._find(needs, deadline)
        return Verdict(operation, self._settings, findings)

    def _find(self, needs, deadline):
        """
        Findings of all places, each read by a job of its own, and of those
        that are known when the links on a mount have been followed.
        """
        seconds = round(max(deadline - time.monotonic(), 0), 1)
        late = errors.StorageTimeout("its storage", seconds)
        users = {}
        running = Jobs({})
        self._add(needs.known, users, running)
        for mount, paths in needs.open.items():
            running.add(mount, functools.partial(self._resolve, paths))
        answers, unresolved = {}, {}
        for key, result, error in running.results(lambda: deadline):
            if key not in needs.open:
                answers[key] = (result, error)
            elif error is not None:
                unresolved[key] = (needs.open[key], error)
            else:
                more, left, why = result
                self._add(more, users, running)
                unresolved[key] = (left, why)
        findings = _Findings()
        for place, wanting in users.items():
            findings.add(wanting, *answers.get(place, (None, late)))
        for mount, paths in needs.open.items():
            left, why = unresolved.get(mount, (paths, late))
            findings.add_unresolved(mount, left, why)
        return findings.all()

    def _add(self, needs, users, running):
        """users: {place: Needs}; each new place is read."""
        for need in needs:
            if need.place not in users:
                running.add(
                    need.place, functools.partial(self._read, need.place)
                )
            users.setdefault(need.place, []).append(need)


class _Findings:
    """One a domain; a flag that was read anywhere counts more than errors."""

    def __init__(self):
        self._by_domain = {}

    def add(self, needs, lines, error):
        if isinstance(error, direct.NotADomain):
            return
        domain = needs[0].place.domain
        name, value = domain, None
        if error is None:
            try:
                values = md_lines.require(lines, domain).values
                name = values.get("DESCRIPTION") or domain
                value = flag.read(values, domain)
            except errors.Error as e:
                error = e
        if error is not None:
            sure = needs[0].place.sure
            if sure or self._untold(need.what for need in needs):
                self._put(domain, name, needs, None, _ours(error))
        elif value.value:
            self._put(domain, name, needs, value, None)

    def add_unresolved(self, mount, paths, error):
        """What hangs there is known by a domain already, or by nothing."""
        whats = self._untold(what for what, _ in paths)
        if whats:
            title = f"(below {mount})"
            found = Finding(mount, title, whats, error=_ours(error))
            self._by_domain.setdefault(mount, found)

    def _untold(self, whats):
        """
        What is in no finding yet. Of a directory that only has the name of a
        domain an error tells nothing more than that of one above it.
        """
        told = {w for f in self._by_domain.values() for w in f.whats}
        return sorted(set(whats) - told)

    def _put(self, domain, name, needs, value, error):
        found = self._by_domain.setdefault(domain, Finding(domain, name, []))
        for need in needs:
            if need.what not in found.whats:
                found.whats.append(need.what)
        if value is not None or found.flag is None:
            found.title, found.flag, found.error = name, value, error

    def all(self):
        return sorted(
            self._by_domain.values(),
            key=lambda f: (f.flag is None, f.whats, f.domain),
        )


def _ours(error):
    if isinstance(error, errors.Error):
        return error
    return errors.InternalError(type(error).__name__, str(error))

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What there is to say of domains, and of the places where one could be: what
`verify` shows, and `doctor` too.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.cli import copies, objects
from vdsm_backup.cli.readings import Reading
from vdsm_backup.storage.meant import ambiguous
from vdsm_backup.storage.sources import Failure, Sources
from vdsm_backup.text import is_uuid, listed, printable
from vdsm_backup.verify import domains, strays
from vdsm_backup.verify.findings import Findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vdsm_backup.cli.survey import Answer
    from vdsm_backup.config import Config
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.base import Storage

# Metadata that cannot be read is not known to be wrong, and not known to be
# right either.
_UNREADABLE = (
    errors.MetadataUnreadable,
    errors.MetadataMissing,
    errors.StorageTimeout,
    errors.LvmFailed,
    errors.DomainUncertain,
    errors.DomainUnseen,
    errors.NeedsRoot,
)

# What is said of an argument that means no domain, or several.
_MEANS_NONE: dict[type[errors.Error], str] = {
    errors.DomainUncertain: "not certain",
    errors.DomainUnseen: "not found",
    errors.DomainNotFound: "not found",
    errors.AmbiguousDomain: "not unique",
}

# Mounts and devices that are named to people: a host may have hundreds.
_SHOWN = 10


class Verified:
    """
    What verify has to say of a domain, of a source that could not be searched,
    or of an argument SD that means no domain. VERIFIED of docs/json.md.

    sd_id: None if there is no domain.
    name: of the domain, or the argument. None if it is unknown.
    place: None if the domain was not found.
    unseen: what of the domain could not be looked at, for people.
    looked_at: what of the domain was looked at, as nouns.
    is_twin: whether the UUID is in another place, too.
    """

    def __init__(
        self,
        sd_id: str | None,
        name: str | None,
        place: str | None,
        problems: Iterable[errors.Error],
        notes: Iterable[str] = (),
        looked_at: Iterable[str] = (),
        unseen: Iterable[str] = (),
    ) -> None:
        self.sd_id = sd_id
        self.name = name
        self.place = place
        self.problems = [*problems]
        self.notes = [*notes]
        self.looked_at = [*looked_at]
        self.unseen = [*unseen]
        self.is_twin = False

    @property
    def state(self) -> str:
        """One of "ok", "unreadable", "wrong"."""
        if not self.problems:
            return "ok"
        if all(map(is_unreadable, self.problems)):
            return "unreadable"
        return "wrong"

    @property
    def outcome(self) -> str:
        """The state; or of an argument that means no domain, why, in words."""
        if self.place is None and self.problems:
            kind = type(self.problems[0])
            return _MEANS_NONE.get(kind, self.state)
        if self.sd_id is None and self.notes and self.state == "ok":
            # A link that leads nowhere, say: nothing was looked at.
            return "no domain"
        return self.state

    @property
    def sort_key(self) -> tuple[bool, str, str]:
        """Domains come first, by UUID; then sources."""
        return (self.sd_id is None, self.sd_id or "", self.place or "")


class Report(NamedTuple):
    """
    all: in the order in which they are shown.
    scanned: the mounts, devices and directories that were searched, if
        domains were searched.
    """

    all: list[Verified]
    scanned: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether no domain was found."""
        return not any(verified.sd_id for verified in self.all)

    def summary(self) -> str:
        """What was looked at, for people, where nothing is wrong."""
        where = listed(map(printable, self.scanned), _SHOWN)
        if self.is_empty:
            return f"no domain was found; searched: {where or 'nothing'}"
        nouns = (noun for v in self.all for noun in v.looked_at)
        text = f"looked at: {', '.join(dict.fromkeys(nouns))}"
        return f"{text}; searched: {where}" if where else text


def is_unreadable(error: errors.Error) -> bool:
    """Whether a problem is that something could not be read."""
    return isinstance(error, _UNREADABLE)


def report(
    answers: Sequence[Answer],
    sources: Sources,
    options: Config,
    slow: Slow | None = None,
) -> Report:
    """
    All that is at the sources, sorted.

    answers: of a Survey of these sources. slow: called with the places that
    are still waited for, see Jobs.
    """
    found = [answer for answer in answers if isinstance(answer, Reading)]
    all_verified = checked(found, options, slow)
    failures = [answer for answer in answers if isinstance(answer, Failure)]
    all_verified += [of_failure(failure, options) for failure in failures]
    failed = {failure.source for failure in failures}
    directories = {reading.storage.found_at for reading in found}
    found_strays = strays.of(
        sources, directories, failed, options.io_timeout, slow
    )
    all_verified += map(of_stray, found_strays)
    all_verified += [
        Verified(None, None, path, [], [text])
        for path, text in sources.no_sources.items()
    ]
    all_verified.sort(key=lambda verified: verified.sort_key)
    _add_twins(all_verified, [reading.storage for reading in found])
    return Report(all_verified, sorted(sources.scanned))


def checked(
    found: Sequence[Reading], options: Config, slow: Slow | None = None
) -> list[Verified]:
    """
    What there is to say of domains that were found, in their order. slow: as
    of report().
    """
    history = copies.kept_here(options)
    all_findings = domains.check(found, options, history, slow)
    verified = [_verified(*pair) for pair in zip(found, all_findings)]
    for one in verified:
        copies.tell(one.problems, options)
    return verified


def _verified(reading: Reading, findings: Findings) -> Verified:
    domain = objects.domain_object(reading)
    told = {(type(e), str(e)) for e in reading.problems}
    return Verified(
        domain["id"],
        domain["name"],
        domain["place"],
        reading.problems
        + [e for e in findings.problems if (type(e), str(e)) not in told],
        reading.notes() + findings.notes,
        findings.looked_at,
        findings.unseen,
    )


def of_failure(failure: Failure, options: Config) -> Verified:
    """
    A source that could not be searched, or the directory of a domain in which
    no dom_md could be looked for.
    """
    problems = [failure.error]
    name = os.path.basename(failure.source)
    if failure.kind != "file" or not is_uuid(name):
        return Verified(failure.sd_id, None, failure.source, problems)
    # What another user than VDSM may not do says nothing of VDSM.
    as_vdsm = os.geteuid() == options.uid
    if as_vdsm and os.strerror(errno.EACCES) in str(failure.error):
        reason = "it may not be entered"
        problems.append(errors.AccessRefused(name, failure.source, reason))
    return Verified(name, None, failure.source, problems)


def of_stray(stray: strays.Stray) -> Verified:
    """What there is to say of what is a domain for nobody."""
    findings = stray.findings
    return Verified(
        stray.sd_id,
        None,
        stray.place,
        findings.problems,
        findings.notes,
        unseen=findings.unseen,
    )


def _add_twins(
    all_verified: Iterable[Verified], storages: Sequence[Storage]
) -> None:
    """
    Add the problem that several domains have one UUID, as a replica beside
    its origin has, or one storage that is mounted twice.

    storages: of those that are no strays.
    """
    places: dict[str | None, list[str]] = {}
    for verified in all_verified:
        place = printable(verified.place or "")
        places.setdefault(verified.sd_id, []).append(place)
    for verified in all_verified:
        sd_id = verified.sd_id
        if sd_id and len(places[sd_id]) > 1:
            shown = listed(places[sd_id])
            error = errors.AmbiguousDomain(sd_id, shown)
            same = [storage for storage in storages if storage.sd_id == sd_id]
            if len(same) == len(places[sd_id]):
                error = ambiguous(sd_id, same)
            verified.is_twin = True
            for problem in verified.problems:
                if isinstance(problem, errors.FlagLost):
                    # Until then each change is refused.
                    problem.when = "when it is in one place only, "
            # It keeps what the others say to do from being done.
            verified.problems.insert(0, error)

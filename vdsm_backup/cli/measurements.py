# SPDX-License-Identifier: GPL-2.0-or-later
"""
What `metrics` tells of this host, as samples of gauges. Pure functions; the
formats are in exposition.py.

What is not known has no sample, and then the family of its part says so:
vdsm_backup_domain_unreadable of a domain or a place, and of all other parts
vdsm_backup_part_unreadable.
"""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING

from vdsm_backup.cli.survey import domain_of
from vdsm_backup.doctor import checks
from vdsm_backup.guard import policy
from vdsm_backup.metadata import flag
from vdsm_backup.prometheus import Sample
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from vdsm_backup.cli.survey import Answer
    from vdsm_backup.doctor.checks import Finding
    from vdsm_backup.host.journal_entries import Entry

# Seconds. The journal rotates, so a count of all time would fall.
WINDOW = 24 * 3600

FLAGGED = "vdsm_backup_domain_flagged"
UNREADABLE = "vdsm_backup_domain_unreadable"
SINCE = "vdsm_backup_domain_flag_since_seconds"
MODE = "vdsm_backup_guard_mode"
REFUSALS = "vdsm_backup_refusals"
VIOLATIONS = "vdsm_backup_violations"
HOOK = "vdsm_backup_hook_installed"
PLUGIN = "vdsm_backup_plugin_loaded"
PART = "vdsm_backup_part_unreadable"
LAST_RUN = "vdsm_backup_last_run_seconds"

# {family: what it is}, in the order in which they are shown.
FAMILIES = {
    FLAGGED: "Whether the storage domain is a backup domain.",
    UNREADABLE: "Whether the flag of the domain is not known. Without a"
    " domain: whether the place could not be searched for domains.",
    SINCE: "When the flag was last changed, as its metadata claims, in"
    " seconds since the epoch.",
    MODE: "Whether [guard] mode of this host has this value.",
    REFUSALS: "Refusals of VMs in the last 24 hours.",
    VIOLATIONS: "Uses of flagged domains in the last 24 hours that were not"
    " refused: VMs that ran already, the mode, a permit.",
    HOOK: "Whether the hook is in place and is that of this version.",
    PLUGIN: "Whether the VDSM that runs has the plugin.",
    PART: "Whether this part could not be read, or not all of it.",
    LAST_RUN: "When these values were read, in seconds since the epoch.",
}


def of_domains(answers: Iterable[Answer]) -> Iterator[Sample]:
    """Of a domain that is in several places the flag is that of any."""
    flagged: dict[tuple[str, str, str], bool] = {}
    for answer in answers:
        domain = domain_of(answer)
        sd_id, kind = domain["id"] or "", domain["kind"]
        name, place = printable(domain["name"] or ""), domain["place"]
        labels = {"domain": sd_id, "name": name, "kind": kind}
        unknown = domain["flag"] is None
        yield Sample(
            UNREADABLE, {**labels, "place": printable(place)}, int(unknown)
        )
        if unknown:
            continue
        key = sd_id, name, kind
        if key not in flagged:
            since = _seconds(domain["since"])
            if since is not None:
                yield Sample(SINCE, labels, since)
        flagged[key] = bool(domain["flag"]) or flagged.get(key, False)
    for (sd_id, name, kind), value in flagged.items():
        labels = {"domain": sd_id, "name": name, "kind": kind}
        yield Sample(FLAGGED, labels, int(value))


def of_guard(mode: str) -> Iterator[Sample]:
    for each in policy.MODES:
        yield Sample(MODE, {"mode": each}, int(each == mode))


def of_journal(entries: Iterable[Entry]) -> Iterator[Sample]:
    """Of the entries of the window: each operation is there, also with 0."""
    counts = {
        REFUSALS: _counts(policy.REFUSED),
        VIOLATIONS: _counts(policy.REFUSED, policy.VIOLATION),
    }
    for entry in entries:
        if entry.is_refusal:
            of = counts[REFUSALS]
        elif entry.is_violation:
            of = counts[VIOLATIONS]
        else:
            continue
        operation = entry.fields["operation"]
        of[operation] = of.get(operation, 0) + 1
    for family, by_operation in counts.items():
        for operation, count in by_operation.items():
            labels = {"operation": printable(operation)}
            yield Sample(family, labels, count)


def _counts(*answers: str) -> dict[str, int]:
    rows = [row for row in policy.TABLE if row.answer in answers]
    return {row.operation: 0 for row in rows}


def of_hooks(found: Mapping[str, Finding]) -> Iterator[Sample]:
    """found: of each point."""
    for point, finding in found.items():
        if finding.state != checks.UNKNOWN:
            there = finding.state != checks.BAD
            yield Sample(HOOK, {"point": point}, int(there))


def of_plugin(finding: Finding) -> Iterator[Sample]:
    if finding.state != checks.UNKNOWN:
        yield Sample(PLUGIN, {}, int(finding.state != checks.BAD))


def of_parts(unread: Mapping[str, bool]) -> Iterator[Sample]:
    """unread: of each part whether it could not be read."""
    for part, value in unread.items():
        yield Sample(PART, {"part": part}, int(value))


def of_run(now: float) -> Iterator[Sample]:
    yield Sample(LAST_RUN, {}, int(now))


def _seconds(since: str | None) -> int | None:
    try:
        return calendar.timegm(time.strptime(since or "", flag.SINCE_FORMAT))
    except ValueError:
        return None

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The JSON objects of docs/json.md that several commands print, DOMAIN and
ERROR, and the texts for people that are made of a DOMAIN.

Texts in the objects are as they are on storage. Texts for people are harmless
to a terminal.
"""

from __future__ import annotations

import re

from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup import errors
    from vdsm_backup.cli.readings import Reading
    from vdsm_backup.cli.schema import DomainObject, ErrorObject
    from vdsm_backup.storage.sources import Failure


# The objects


def domain_object(reading: Reading) -> DomainObject:
    """The DOMAIN of a domain: all that the reading tells of it."""
    storage = reading.storage
    domain = _unknown(
        storage.sd_id, storage.kind, storage.found_at, reading.error
    )
    if reading.md is not None:
        values = reading.md.values
        domain["name"] = values.get("DESCRIPTION")
        domain["type"] = values.get("TYPE")
        domain["version"] = _number(values.get("VERSION"))
        domain["class"] = values.get("CLASS")
        domain["pool"] = values.get("POOL_UUID") or None
        domain["seal"] = reading.md.seal
    if reading.flag is not None:
        domain["flag"] = reading.flag.value
        domain["reason"] = reading.flag.reason or None
        domain["by"] = reading.flag.by or None
        domain["since"] = reading.flag.since or None
        domain["origin"] = reading.flag.origin or None
    domain["origin_match"] = reading.origin_match
    domain["notes"] = reading.notes()
    if reading.hazard:
        code = reading.hazard.code
        domain["notes"].append(f"error {code}: {reading.hazard}")
    return domain


def failure_object(failure: Failure) -> DomainObject:
    """
    The DOMAIN of a source that could not be searched: a domain of which
    nothing is known.
    """
    return _unknown(failure.sd_id, failure.kind, failure.source, failure.error)


def error_object(error: errors.Error) -> ErrorObject:
    """The ERROR of an error."""
    found: ErrorObject = error.as_object()  # type: ignore[assignment]
    return found


def _unknown(
    sd_id: str | None, kind: str, place: str, error: errors.Error | None
) -> DomainObject:
    """A DOMAIN of which no metadata is known. Its keys are in order."""
    return {
        "id": sd_id,
        "name": None,
        "kind": kind,
        "type": None,
        "version": None,
        "class": None,
        "pool": None,
        "flag": None,
        "reason": None,
        "by": None,
        "since": None,
        "origin": None,
        "origin_match": None,
        "seal": None,
        "error": error_object(error) if error else None,
        "place": place,
        "notes": [],
    }


def _number(text: str | None) -> int | None:
    # At most 9 digits: more would be no version, and int() refuses thousands.
    return int(text) if text and re.fullmatch("[0-9]{1,9}", text) else None


# DOMAIN for people


def sort_key(domain: DomainObject) -> tuple[bool, str, str]:
    """Domains come first, by UUID; then sources that could not be searched."""
    return (domain["id"] is None, domain["id"] or "", domain["place"])


def title(domain: DomainObject) -> str:
    """How to name the domain in a sentence."""
    name, sd_id = domain["name"], domain["id"] or "-"
    return f"{printable(name)} ({sd_id})" if name else sd_id


def version(domain: DomainObject) -> str:
    """The version of the domain's format, "-" if it is unknown."""
    return "-" if domain["version"] is None else str(domain["version"])


def reason(domain: DomainObject) -> str:
    """Why the flag is as it is."""
    return f"reason: {printable(domain['reason'] or '-')}"


def since(domain: DomainObject) -> str:
    """Who claims to have changed the flag last, and when."""
    when = printable(domain["since"] or "an unknown time")
    by = printable(domain["by"] or "somebody unknown")
    return f"since {when} by {by}"

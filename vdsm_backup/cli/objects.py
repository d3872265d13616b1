# SPDX-License-Identifier: GPL-2.0-or-later
"""The objects of docs/json.md, DOMAIN and ERROR, and DOMAIN for people."""

import re

from vdsm_backup.metadata import flag
from vdsm_backup.text import printable


def order(domain):
    """Domains by UUID, then places that could not be looked at."""
    return (domain["id"] is None, domain["id"] or "", domain["place"])


def title(domain):
    """How to name it in a sentence."""
    name = domain["name"]
    if not name:
        return domain["id"]
    return f"{printable(name)} ({domain['id']})"


def version(domain):
    return "-" if domain["version"] is None else str(domain["version"])


def reason(domain):
    return f"reason: {printable(domain['reason'] or '-')}"


def since(domain):
    """Who claims to have changed the flag, and when."""
    when = printable(domain["since"] or "an unknown time")
    by = printable(domain["by"] or "somebody unknown")
    return f"since {when} by {by}"


def domain(answer):
    """The DOMAIN object of our JSON output: docs/json.md."""
    values = answer.md.values if answer.md else {}
    known = answer.flag or flag.Flag(None)
    return {
        "id": answer.storage.sd_id,
        "name": values.get("DESCRIPTION"),
        "kind": answer.storage.kind,
        "type": values.get("TYPE"),
        "version": _number(values.get("VERSION")),
        "class": values.get("CLASS"),
        "pool": values.get("POOL_UUID") or None,
        "flag": known.value,
        "reason": known.reason or None,
        "by": known.by or None,
        "since": known.since or None,
        "origin": known.origin or None,
        "origin_match": answer.origin_match,
        "seal": answer.md.seal if answer.md else None,
        "error": error(answer.error) if answer.error else None,
        "place": answer.storage.place,
        "notes": answer.notes(),
    }


def error(e):
    """The ERROR object of our JSON output."""
    return {
        "code": e.code,
        "name": e.name,
        "message": str(e),
        "hints": e.hint_lines(),
    }


def _number(text):
    # At most 9 digits: more would be no version, and int() refuses thousands.
    return int(text) if text and re.fullmatch("[0-9]{1,9}", text) else None

# SPDX-License-Identifier: GPL-2.0-or-later
"""The DOMAIN object of docs/json.md, and what it is for people."""

from vdsm_backup import discovery, report
from vdsm_backup import format as fmt


def of(answer):
    """
    DOMAIN of a Reading, or of a Failure: a place that could not be looked at
    is a domain of which nothing is known.
    """
    if isinstance(answer, discovery.Failure):
        answer = report.unread(answer, answer.error)
    return report.domain(answer)


def order(domain):
    """Domains by UUID, then places that could not be looked at."""
    return (domain["id"] is None, domain["id"] or "", domain["place"])


def title(domain):
    """How to name it in a sentence."""
    name = domain["name"]
    if not name:
        return domain["id"]
    return f"{fmt.printable(name)} ({domain['id']})"


def version(domain):
    return "-" if domain["version"] is None else str(domain["version"])


def reason(domain):
    return f"reason: {fmt.printable(domain['reason'] or '-')}"


def since(domain):
    """Who claims to have changed the flag, and when."""
    when = fmt.printable(domain["since"] or "an unknown time")
    by = fmt.printable(domain["by"] or "somebody unknown")
    return f"since {when} by {by}"

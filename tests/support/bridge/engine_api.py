# SPDX-License-Identifier: GPL-2.0-or-later
"""
The API of the stand-in of an engine: what each call answers, and changes. The
server of it is engine.py.
"""

import re
import uuid
from typing import NamedTuple
from xml.etree import ElementTree

from tests.support.bridge.engine_xml import (
    domain_xml,
    element,
    event_xml,
    fault,
    host_xml,
    many,
    text,
)

USER = "bridge@internal"


class Request(NamedTuple):
    """query: its parameters. user: as events name it."""

    query: dict
    body: str
    correlation: str
    user: str


def correlation_id(sent):
    """What the engine makes of the one that a call has, or of none."""
    return re.sub("[^0-9a-zA-Z_-]+", "", sent)[:36] or str(uuid.uuid4())


def answer(engine, method, path, request):
    """(status, XML). path: below the API."""
    parts = path.strip("/").split("/")
    status = 404
    with engine.lock:
        for wanted, pattern, call in ROUTES:
            pairs = list(zip(pattern, parts))
            if len(parts) == len(pattern) and all(
                p in ("*", part) for p, part in pairs
            ):
                if method == wanted:
                    ids = [part for p, part in pairs if p == "*"]
                    return call(engine, request, *ids)
                status = 405
    return status, None


# What an edit writes, all of it.
ROW = ("name", "comment", "description", "warning", "backup")

# Nothing but the status.
NOT_FOUND = 404, None


def by_id(things, wanted):
    return next((thing for thing in things if thing.id == wanted), None)


def _domains(engine, request):
    return 200, many(
        "storage_domains", [domain_xml(d) for d in engine.domains]
    )


def _domain(engine, request, sd_id):
    found = by_id(engine.domains, sd_id)
    return NOT_FOUND if found is None else (200, domain_xml(found))


def _update(engine, request, sd_id):
    found = by_id(engine.domains, sd_id)
    if found is None:
        return NOT_FOUND
    if found.data_center in engine.foreign:
        return 403, fault(
            "Operation Failed",
            "[User is not authorized to perform this action.]",
        )
    incoming = ElementTree.fromstring(request.body)
    assert incoming.tag == "storage_domain"
    wanted = incoming.findtext("backup")
    backup = found.backup if wanted is None else wanted == "true"
    if found.status == "locked":
        return 409, fault(
            "Operation Failed",
            "[Cannot edit Storage. The relevant Storage Domain is"
            " inaccessible.]",
        )
    if backup and not found.backup and found.vm_runs:
        return 409, fault(
            "Operation Failed",
            "[Cannot edit Storage. The storage domain contains disks"
            " which are attached to running VMs or VMs with leases.]",
        )
    row = {name: getattr(found, name) for name in ROW}
    meanwhile, engine.meanwhile = engine.meanwhile, None
    if meanwhile:
        meanwhile()
    vars(found).update(row, backup=backup)
    for name in ("name", "comment", "description"):
        if incoming.find(name) is not None:
            setattr(found, name, incoming.findtext(name) or "")
    warning = incoming.findtext("warning_low_space_indicator")
    if warning is not None:
        found.warning = int(warning)
    answer = domain_xml(found)
    engine.add_event(
        958,
        user=request.user,
        domain=found,
        correlation=request.correlation,
    )
    return 200, answer


def _data_centers(engine, request):
    rows = []
    for center in engine.data_centers:
        row = element("data_center", id=center.id)
        text(row, name=center.name, status=center.status)
        rows.append(row)
    return 200, many("data_centers", rows)


def _attached(engine, request, center_id):
    return 200, many(
        "storage_domains",
        [
            domain_xml(d, inside=True)
            for d in engine.domains
            if d.data_center and d.data_center.id == center_id
        ],
    )


def _attached_one(engine, request, center_id, sd_id):
    found = by_id(engine.domains, sd_id)
    if (
        found is None
        or not found.data_center
        or found.data_center.id != center_id
    ):
        return NOT_FOUND
    return 200, domain_xml(found, inside=True)


def _hosts(engine, request):
    follow = request.query.get("follow", "").split(",")
    return 200, many(
        "hosts", [host_xml(h, "cluster" in follow) for h in engine.hosts]
    )


def _hooks(engine, request, host_id):
    rows = []
    host = by_id(engine.hosts, host_id)
    for event_name, scripts in (host.hooks if host else {}).items():
        for name, checksum in scripts.items():
            row = element("hook", id=str(uuid.uuid4()))
            text(row, name=name, event_name=event_name, md5=checksum)
            rows.append(row)
    return 200, many("hooks", rows)


def _events(engine, request):
    after = int(request.query.get("from", -1))
    found = [
        event
        for event in engine.events
        if not event.dismissed
        and not event.late
        and (after <= 0 or event.index > after)
    ]
    found.sort(key=lambda event: event.index, reverse=True)
    most = int(request.query.get("max", 2**31 - 1))
    return 200, many("events", [event_xml(e) for e in found[:most]])


def _event(engine, request, index):
    for event in engine.events:
        if event.index == int(index):
            return 200, event_xml(event)
    return NOT_FOUND


def _dismiss(engine, request, index):
    for event in engine.events:
        if event.index == int(index):
            event.dismissed = True
            return 200, element("action")
    return NOT_FOUND


def _add_event(engine, request):
    incoming = ElementTree.fromstring(request.body)
    needed = ("origin", "severity", "custom_id", "description")
    if any(incoming.find(name) is None for name in needed):
        return 400, fault("Incomplete parameters", "Event [..] required")
    origin = incoming.findtext("origin")
    custom_id = int(incoming.findtext("custom_id"))
    assert -(2**31) <= custom_id < 2**31
    for event in engine.events:
        if (event.origin, event.custom_id) == (origin, custom_id):
            return 400, fault(
                "Operation Failed",
                "[Cannot add External Event. External Event with this"
                " custom id already exists.]",
            )
    about = incoming.find("storage_domain")
    severity = incoming.findtext("severity")
    event = engine.add_event(
        {"normal": 9801, "warning": 9802}[severity],
        origin=origin,
        custom_id=custom_id,
        severity=severity,
        description=incoming.findtext("description"),
        domain=about is not None and by_id(engine.domains, about.get("id")),
    )
    return 201, event_xml(event)


ROUTES = [
    ("GET", ["storagedomains"], _domains),
    ("GET", ["storagedomains", "*"], _domain),
    ("PUT", ["storagedomains", "*"], _update),
    ("GET", ["datacenters"], _data_centers),
    ("GET", ["datacenters", "*", "storagedomains"], _attached),
    ("GET", ["datacenters", "*", "storagedomains", "*"], _attached_one),
    ("GET", ["hosts"], _hosts),
    ("GET", ["hosts", "*", "hooks"], _hooks),
    ("GET", ["events"], _events),
    ("GET", ["events", "*"], _event),
    ("DELETE", ["events", "*"], _dismiss),
    ("POST", ["events"], _add_event),
]

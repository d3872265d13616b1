# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which hosts would not refuse a VM of a flagged domain, as far as the engine
knows: it has the names and checksums of the hooks of each host.

Asked are the hosts of data centers that have a flagged domain. A host that has
none of our hooks, or one of another content, is told once for that content.
The engine does not know whether VDSM has the plugin: doctor on the host does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.bridge import events, report
from vdsm_backup.doctor import sums
from vdsm_backup.text import listed, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vdsm_backup.bridge import entities
    from vdsm_backup.bridge.engine import Engine
    from vdsm_backup.bridge.inventory import Inventory

OK = "ok"
MISSING = "missing"
OTHER = "other"

SCRIPT = "99_vdsm_backup"

# What is among the sums, and no hook of VDSM: libvirt's, and the launcher.
_NOT_VDSMS = ("qemu.d", "vdsmd")

_EXPECTED = {
    event: checksum
    for event, checksum in sums.SUMS.items()
    if event not in _NOT_VDSMS
}

# Hosts of these are installed or removed just now, or were never up.
_NOT_YET = ("installing", "initializing", "pending_approval", "install_failed")


# Calls that fail until the rest is left for the next look: each may hang for
# as long as a session lets it.
MOST_FAILURES = 3


class HostHooks(NamedTuple):
    """
    event_names: those where our hook is missing, or another one.
    number: of the report in the engine, 31 bits.
    """

    id: str
    name: str
    hook: str
    event_names: tuple[str, ...]
    number: int = 0


def check(
    engine: Engine,
    found: Inventory,
    flagged: set[str],
    before: list[HostHooks],
    failed: Mapping[str, tuple[str, errors.Error]],
) -> tuple[list[HostHooks], dict[str, tuple[str, errors.Error]]]:
    """
    The hosts by name, and {UUID: (name, error)} of those that cannot be asked.

    flagged: UUIDs of domains whose flag is on. before: the hosts as they were
    seen last. failed: those that could not be asked then.

    Raises what the engine's methods raise.
    """
    centers = {
        center
        for sd_id in flagged
        if sd_id in found.domains
        for center in found.domains[sd_id].data_centers
    }
    checked: list[HostHooks] = []
    failing: dict[str, tuple[str, errors.Error]] = {}
    there: set[str] = set()
    failures = 0
    # What always fails with some hosts holds up no other.
    hosts = sorted(found.hosts, key=lambda h: (h.id in failed, h.name))
    for host in hosts:
        if host.data_center not in centers or host.status in _NOT_YET:
            continue
        try:
            if failures == MOST_FAILURES:
                # What has failed is asked last in the next look.
                if host.id in failed:
                    failing[host.id] = failed[host.id]
                checked += [known for known in before if known.id == host.id]
                continue
            hooks = engine.hooks(host.id)
            if not hooks:
                # Of a host that is not there the engine has no hooks either:
                # it may have been removed since the hosts were listed.
                there = there or {each.id for each in engine.hosts()}
                if host.id not in there:
                    continue
            checked.append(compare(host, hooks))
        except errors.Error as e:
            events.probe(engine)
            failures += 1
            failing[host.id] = host.name, e
            checked += [known for known in before if known.id == host.id]
    return sorted(checked, key=lambda host: host.name), failing


def compare(host: entities.Host, hooks: list[entities.Hook]) -> HostHooks:
    ours = {h.event_name: h.checksum for h in hooks if h.name == SCRIPT}
    missing = tuple(event for event in _EXPECTED if event not in ours)
    other = tuple(
        event
        for event, checksum in _EXPECTED.items()
        if ours.get(event, checksum) != checksum
    )
    state = MISSING if missing else OTHER if other else OK
    names = missing or other
    number = report.number_of(f"{host.id} {state} {sorted(ours.items())}")
    return HostHooks(host.id, host.name, state, names, number)


def text(host: HostHooks, domain: str) -> str:
    """The report. domain: name of a flagged one of the host's data center."""
    name = printable(host.name)
    where = listed(host.event_names)
    if host.hook == MISSING:
        what = f"lacks the hook {SCRIPT} of {where}"
    else:
        what = f"has another hook {SCRIPT} of {where} than this bridge knows"
    return (
        f"Host {name} {what}, and may start VMs of backup domains such as"
        f" {printable(domain)}. On host {name}: vdsm-backup-domain doctor"
    )

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What an engine has, as far as the bridge uses it: storage domains, data
centers, hosts with their hooks, and events. Functions make them of the
objects of the SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any


class Domain(NamedTuple):
    """
    A storage domain, as it is known outside of its data center.

    kind: as the engine has it: data, iso, export, image, ...
    data_centers: UUIDs of those that it is attached to. Only an ISO domain
        has several.
    rest: what else of the domain can be edited: whoever writes the box writes
        all of these as they were read.
    """

    id: str
    name: str
    comment: str
    box: bool
    kind: str
    is_master: bool
    data_centers: tuple[str, ...]
    rest: tuple[object, ...]


class DataCenter(NamedTuple):
    """status: up, maintenance, not_operational, ..."""

    id: str
    name: str
    status: str


class Host(NamedTuple):
    """
    data_center: its UUID, "" if the engine does not tell.
    is_spm: as the engine has it, also while the data center is not up.
    ssh_user, ssh_port, ssh_key, ssh_fingerprint: how the engine reaches the
        host, and by what it knows it. An engine has no key of a host that was
        added before 4.4: "" then.
    """

    id: str
    name: str
    address: str
    status: str
    data_center: str
    is_spm: bool
    ssh_user: str
    ssh_port: int
    ssh_key: str
    ssh_fingerprint: str


class Hook(NamedTuple):
    """A script in a directory of VDSM's hooks. checksum: SHA-256, in hex."""

    event_name: str
    name: str
    checksum: str


class Event(NamedTuple):
    """
    An event of the engine.

    number: its index.
    time: in milliseconds since the epoch.
    user, correlation, domain: "" if there is none. domain: the UUID.
    """

    number: int
    time: int
    code: int
    user: str
    correlation: str
    domain: str


def value(enum: Any) -> str:
    return str(enum.value) if enum is not None else ""


def domain(found: Any) -> Domain:
    return Domain(
        id=found.id,
        name=found.name or "",
        comment=found.comment or "",
        box=bool(found.backup),
        kind=value(found.type),
        is_master=bool(found.master),
        data_centers=tuple(dc.id for dc in found.data_centers or ()),
        rest=(
            found.description or "",
            found.warning_low_space_indicator,
            found.critical_space_action_blocker,
            found.wipe_after_delete,
            found.discard_after_delete,
        ),
    )


def host(found: Any) -> Host:
    cluster = found.cluster
    center = cluster.data_center if cluster is not None else None
    ssh = found.ssh
    user = ssh.user if ssh is not None else None
    return Host(
        id=found.id,
        name=found.name or "",
        address=found.address or "",
        status=value(found.status),
        data_center=center.id if center is not None else "",
        is_spm=found.spm is not None and value(found.spm.status) == "spm",
        ssh_user=(user.user_name if user is not None else None) or "root",
        ssh_port=(ssh.port if ssh is not None else None) or 22,
        ssh_key=(ssh.public_key if ssh is not None else None) or "",
        ssh_fingerprint=(ssh.fingerprint if ssh is not None else None) or "",
    )


def event(found: Any) -> Event:
    # The attribute `index` has 32 bits in the engine, the id has all.
    return Event(
        number=int(found.id),
        time=round(found.time.timestamp() * 1000),
        code=found.code,
        user=(found.user.name if found.user is not None else None) or "",
        correlation=found.correlation_id or "",
        domain=(
            found.storage_domain.id
            if found.storage_domain is not None
            else None
        )
        or "",
    )

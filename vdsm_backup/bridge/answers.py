# SPDX-License-Identifier: GPL-2.0-or-later
"""
The entities in answers of an engine, which are objects of the SDK.

The SDK checks no more than that an answer is XML of some type of the API, each
field of which may be missing. So an answer is checked here: functions raise
ValueError for one that no engine gives.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import ovirtsdk4
from ovirtsdk4 import types

from vdsm_backup.bridge.entities import DataCenter, Domain, Event, Hook, Host
from vdsm_backup.text import is_uuid

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

_INDEX = re.compile("[0-9]{1,18}", re.ASCII)


def nothing(found: object) -> None:
    """Of an answer that is not needed."""


def each(read: Callable[[Any], T]) -> Callable[[Any], list[T]]:
    """Of a list: read each one of it by this function."""

    def read_all(found: Any) -> list[T]:
        _require(found, ovirtsdk4.List)
        return [read(one) for one in found]

    return read_all


def domain(found: Any) -> Domain:
    return Domain(
        id=_id(found, types.StorageDomain),
        name=found.name or "",
        comment=found.comment or "",
        box=bool(found.backup),
        kind=_value(found.type),
        is_master=bool(found.master),
        data_centers=tuple(
            _id(center, types.DataCenter)
            for center in found.data_centers or ()
        ),
    )


def domain_status(found: Any) -> tuple[str, str]:
    """(UUID, status) of a storage domain in a data center."""
    return _id(found, types.StorageDomain), _value(found.status)


def data_center(found: Any) -> DataCenter:
    return DataCenter(
        _id(found, types.DataCenter), found.name or "", _value(found.status)
    )


def host(found: Any) -> Host:
    uuid = _id(found, types.Host)
    cluster = found.cluster
    center = cluster.data_center if cluster is not None else None
    ssh = found.ssh
    user = ssh.user if ssh is not None else None
    return Host(
        id=uuid,
        name=found.name or "",
        address=found.address or "",
        status=_value(found.status),
        data_center=(center.id if center is not None else None) or "",
        is_spm=found.spm is not None and _value(found.spm.status) == "spm",
        ssh_user=(user.user_name if user is not None else None) or "root",
        ssh_port=(ssh.port if ssh is not None else None) or 22,
        ssh_key=(ssh.public_key if ssh is not None else None) or "",
        ssh_fingerprint=(ssh.fingerprint if ssh is not None else None) or "",
    )


def hook(found: Any) -> Hook:
    _require(found, types.Hook)
    return Hook(found.event_name or "", found.name or "", found.md5 or "")


def event(found: Any) -> Event:
    _require(found, types.Event)
    # The attribute `index` has 32 bits in the engine, the id has all.
    if not _INDEX.fullmatch(found.id or ""):
        raise ValueError(f"the id of an event is {found.id!a}, and no number")
    if found.time is None or found.code is None:
        raise ValueError(f"event {found.id} has no time or no code")
    about = found.storage_domain
    return Event(
        number=int(found.id),
        time=_milliseconds(found),
        code=found.code,
        user=(found.user.name if found.user is not None else None) or "",
        correlation=found.correlation_id or "",
        domain=(about.id if about is not None else None) or "",
    )


def events(found: Any) -> list[Event]:
    """Of a list that event_reader.py has read."""
    _require(found, ovirtsdk4.List)
    for each in found:
        _require(each, Event)
    return list(found)


def _milliseconds(event: Any) -> int:
    try:
        return round(event.time.timestamp() * 1000)
    except (ValueError, OverflowError) as e:
        raise ValueError(f"the time of event {event.id} is none: {e}")


def _require(found: object, kind: type) -> None:
    if not isinstance(found, kind):
        name = type(found).__name__
        raise ValueError(f"there is a {name} in place of a {kind.__name__}")


def _id(found: Any, kind: type) -> str:
    _require(found, kind)
    if not is_uuid(found.id or ""):
        raise ValueError(f"the id of a {kind.__name__} is {found.id!a}")
    return str(found.id)


def _value(enum: Any) -> str:
    return str(enum.value) if enum is not None else ""

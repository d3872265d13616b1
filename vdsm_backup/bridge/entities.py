# SPDX-License-Identifier: GPL-2.0-or-later
"""
What an engine has, as far as the bridge uses it: storage domains, data
centers, hosts with their hooks, and events. answers.py makes them of what the
SDK answers.
"""

from __future__ import annotations

from typing import NamedTuple


class Domain(NamedTuple):
    """
    A storage domain, as it is known outside of its data center.

    kind: as the engine has it: data, iso, export, image, ...
    data_centers: UUIDs of those that it is attached to. Only an ISO domain
        has several.
    """

    id: str
    name: str
    comment: str
    box: bool
    kind: str
    is_master: bool
    data_centers: tuple[str, ...]


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

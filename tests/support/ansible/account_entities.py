# SPDX-License-Identifier: GPL-2.0-or-later
"""Roles, users and permissions of an engine, and how its REST API has them."""

import uuid
from dataclasses import dataclass, field

from tests.support.bridge.engine_xml import API, element, text

# Some of ActionGroup: name and number.
PERMITS = {
    "login": 1300,
    "edit_storage_domain_configuration": 601,
    "delete_storage_domain": 602,
    "inject_external_events": 1400,
    "create_vm": 1,
}
# Those that are no administrator's.
OF_USERS = {"login", "create_vm"}

SYSTEM = "aaa00000-0000-0000-0000-123456789aaa"


def new_id():
    return str(uuid.uuid4())


@dataclass
class Role:
    name: str
    administrative: bool = True
    description: str = ""
    #: Names.
    permits: list = field(default_factory=list)
    id: str = field(default_factory=new_id)


@dataclass
class User:
    """principal: its name in the directory `domain`."""

    principal: str
    domain: str
    id: str = field(default_factory=new_id)


@dataclass
class Permission:
    """object_id: of a data center, or SYSTEM."""

    role: Role
    user: User
    object_id: str
    id: str = field(default_factory=new_id)


def permit_of(incoming):
    (name,) = [n for n, i in PERMITS.items() if i == int(incoming.get("id"))]
    return name


def permit_xml(name):
    row = element("permit", id=str(PERMITS[name]))
    return text(row, name=name, administrative=name not in OF_USERS)


def role_xml(found):
    href = f"{API}/roles/{found.id}"
    row = element("role", href=href, id=found.id)
    text(
        row,
        name=found.name,
        description=found.description,
        administrative=found.administrative,
        mutable=True,
    )
    row.append(element("permits", href=f"{href}/permits"))
    return row


def user_xml(found):
    row = element("user", href=f"{API}/users/{found.id}", id=found.id)
    text(
        row,
        user_name=f"{found.principal}@{found.domain}",
        principal=found.principal,
    )
    row.append(text(element("domain"), name=found.domain))
    return row


def permission_xml(found):
    href = f"{API}/permissions/{found.id}"
    row = element("permission", href=href, id=found.id)
    for tag, entity in (("role", found.role), ("user", found.user)):
        link = f"{API}/{tag}s/{entity.id}"
        row.append(element(tag, href=link, id=entity.id))
    return row

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The stand-in engine with roles, users and permissions, as far as the modules of
ovirt.ovirt ask for them that the role's bridge_engine uses.

It answers as the engine's sources say (ovirt-engine 4.5.7, below
backend/manager/modules: restapi/jaxrs/.../BackendRolesResource,
BackendPermitsResource, BackendClusterLevelsResource,
BackendAssignedPermissionsResource, aaa/BackendUsersResource, and
bll/AddRoleWithActionGroupsCommand, RemoveRoleCommand, aaa/RemoveUserCommand):

- A cluster level has all permits that there are, whatever the level.
- A role that is no administrator's takes no permit of administrators. One that
  somebody has is not removed.
- A user has to be in the directory, and takes its permissions along.
- The permissions of a data center are its own and those on System.
"""

import re
from xml.etree import ElementTree

from tests.support.ansible.account_entities import (
    OF_USERS,
    PERMITS,
    SYSTEM,
    Permission,
    Role,
    User,
    permission_xml,
    permit_of,
    permit_xml,
    role_xml,
    user_xml,
)
from tests.support.bridge import engine as stand_in
from tests.support.bridge.engine_api import by_id
from tests.support.bridge.engine_xml import API, element, fault, many, text


class Engine(stand_in.StandIn):
    """directory: {(principal, domain), ...} of users that there can be."""

    def __init__(self, ca, cert):
        super().__init__(ca, cert)
        self.directory = {("bridge", "internal-authz")}
        self.roles, self.users, self.permissions = [], [], []
        self._server.RequestHandlerClass = _Handler

    def changes(self):
        """What was changed since the last time: (method, path)."""
        ours = [(m, p) for m, p, _ in self.requests if m != "GET"]
        self.requests.clear()
        return [(m, p[len(API) :]) for m, p in ours if p.startswith(API)]


class _Handler(stand_in._Handler):
    def do_DELETE(self):
        self._serve()

    def _api(self, engine, path, query, body):
        answer = super()._api(engine, path, query, body)
        if answer[0] == 401:
            return answer
        parts = path[len(API) :].strip("/").split("/")
        with engine.lock:
            for method, pattern, function in _ROUTES:
                if method == self.command and len(parts) == len(pattern):
                    pairs = list(zip(pattern, parts))
                    if all(p in ("*", part) for p, part in pairs):
                        ids = [part for p, part in pairs if p == "*"]
                        incoming = ElementTree.fromstring(body or "<none/>")
                        return function(engine, query, incoming, *ids)
        return answer


def refused(words):
    return 409, fault("Operation Failed", f"[{words}]")


def missing(entity_id):
    return 404, fault("Not Found", f"Entity not found: {entity_id}")


# Data centers and cluster levels


def data_centers(engine, query, incoming):
    found = engine.data_centers
    wanted = re.fullmatch('name="(.*)"', query.get("search", ""))
    if wanted:
        found = [each for each in found if each.name == wanted[1]]
    rows = []
    for center in found:
        row = element("data_center", id=center.id)
        rows.append(text(row, name=center.name, status=center.status))
    return 200, many("data_centers", rows)


def cluster_level(engine, query, incoming, level):
    if level not in ("4.2", "4.3", "4.7", "4.8"):
        return missing(level)
    row = element("cluster_level", id=level)
    row.append(many("permits", map(permit_xml, PERMITS)))
    return 200, row


# Roles


def roles(engine, query, incoming):
    return 200, many("roles", map(role_xml, engine.roles))


def role(engine, query, incoming, role_id):
    found = by_id(engine.roles, role_id)
    return (200, role_xml(found)) if found else missing(role_id)


def add_role(engine, query, incoming):
    name = incoming.findtext("name")
    if not name or incoming.find("permits") is None:
        return 400, fault("Incomplete parameters", "Role [name, permits.id]")
    if any(each.name == name for each in engine.roles):
        return refused("Cannot add Role. The name is already in use.")
    made = Role(
        name,
        incoming.findtext("administrative") == "true",
        incoming.findtext("description") or "",
        [permit_of(each) for each in incoming.find("permits")],
    )
    if not made.administrative and not set(made.permits) <= OF_USERS:
        return refused("Cannot add Admin permits to a User role.")
    engine.roles.append(made)
    return 201, role_xml(made)


def update_role(engine, query, incoming, role_id):
    found = by_id(engine.roles, role_id)
    found.description = incoming.findtext("description") or found.description
    return 200, role_xml(found)


def remove_role(engine, query, incoming, role_id):
    found = by_id(engine.roles, role_id)
    if any(each.role is found for each in engine.permissions):
        return refused("Cannot remove Role. The Role is assigned to a User.")
    engine.roles.remove(found)
    return 200, element("action")


def permits(engine, query, incoming, role_id):
    found = by_id(engine.roles, role_id)
    return 200, many("permits", map(permit_xml, found.permits))


def add_permit(engine, query, incoming, role_id):
    found, name = by_id(engine.roles, role_id), permit_of(incoming)
    if name in found.permits:
        return refused("The permit is attached already.")
    found.permits.append(name)
    return 201, permit_xml(name)


def remove_permit(engine, query, incoming, role_id, permit_id):
    (name,) = [n for n, i in PERMITS.items() if i == int(permit_id)]
    by_id(engine.roles, role_id).permits.remove(name)
    return 200, element("action")


# Users


def users(engine, query, incoming):
    wanted = re.fullmatch('usrname="(.*)"', query.get("search", ""))
    found = [
        each
        for each in engine.users
        if not wanted or wanted[1] == f"{each.principal}@{each.domain}"
    ]
    return 200, many("users", map(user_xml, found))


def user(engine, query, incoming, user_id):
    found = by_id(engine.users, user_id)
    return (200, user_xml(found)) if found else missing(user_id)


def add_user(engine, query, incoming):
    principal = incoming.findtext("principal")
    domain = incoming.findtext("domain/name")
    if (principal, domain) not in engine.directory:
        return 400, fault("Bad request", f"No such user: {principal}")
    made = User(principal, domain)
    engine.users.append(made)
    return 201, user_xml(made)


def remove_user(engine, query, incoming, user_id):
    found = by_id(engine.users, user_id)
    engine.users.remove(found)
    engine.permissions = [e for e in engine.permissions if e.user != found]
    return 200, element("action")


# Permissions of a data center


def permissions(engine, query, incoming, center_id):
    found = [
        each
        for each in engine.permissions
        if each.object_id in (center_id, SYSTEM)
    ]
    return 200, many("permissions", map(permission_xml, found))


def permission(engine, query, incoming, center_id, permission_id):
    found = by_id(engine.permissions, permission_id)
    return (200, permission_xml(found)) if found else missing(permission_id)


def add_permission(engine, query, incoming, center_id):
    name = incoming.findtext("role/name")
    (wanted,) = [each for each in engine.roles if each.name == name]
    owner = by_id(engine.users, incoming.find("user").get("id"))
    made = Permission(wanted, owner, center_id)
    engine.permissions.append(made)
    return 201, permission_xml(made)


_CENTER = ["datacenters", "*", "permissions"]
_ROUTES = [
    ("GET", ["datacenters"], data_centers),
    ("GET", ["clusterlevels", "*"], cluster_level),
    ("GET", ["roles"], roles),
    ("POST", ["roles"], add_role),
    ("GET", ["roles", "*"], role),
    ("PUT", ["roles", "*"], update_role),
    ("DELETE", ["roles", "*"], remove_role),
    ("GET", ["roles", "*", "permits"], permits),
    ("POST", ["roles", "*", "permits"], add_permit),
    ("DELETE", ["roles", "*", "permits", "*"], remove_permit),
    ("GET", ["users"], users),
    ("POST", ["users"], add_user),
    ("GET", ["users", "*"], user),
    ("DELETE", ["users", "*"], remove_user),
    ("GET", _CENTER, permissions),
    ("POST", _CENTER, add_permission),
    ("GET", [*_CENTER, "*"], permission),
]

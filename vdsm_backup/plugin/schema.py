# SPDX-License-Identifier: GPL-2.0-or-later
"""
Our verbs in VDSM's API schema (lib/vdsm/api/vdsm-api.yml), by which the
bridge finds a verb, orders its arguments and, in strict mode, checks types.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Union

    from vdsm_backup.plugin.vdsm_types import Function, Schema

    # As they are in the schema.
    Definition = dict[str, Any]
    # A name of a primitive type, a list with one type in it, or an object.
    Type = Union[str, list[str], Definition]

_GET_INFO = "StorageDomain.getInfo"


def init(original: Function) -> Function:
    """
    Wraps Schema.__init__, which loads verbs from pickles that were made when
    VDSM was built.

    Where it has loaded the verbs of storage domains, ours are added, and
    `backup` in the result of getInfo. Must not break: the schema of events and
    of gluster, which have no storage domains.
    """

    @functools.wraps(original)
    def extended(self: Schema, schema_types: Any, strict_mode: bool) -> None:
        original(self, schema_types, strict_mode)
        if _GET_INFO in self._methods:
            _extend(self._methods)

    return extended


def _extend(methods: dict[str, Definition]) -> None:
    # The type of the parameter `storagedomainID` is taken from a verb that has
    # it, not by its name: the schema of gluster has a type UUID, too, which is
    # another one, and it is by chance which of the two the name gives.
    info = methods[_GET_INFO]
    (domain,) = info["params"]
    methods["StorageDomain.setBackup"] = {
        "added": "4.5",
        "description": "Set or clear the backup flag of a Storage Domain",
        "params": [
            domain,
            _of("backup", "boolean", "The new flag"),
            _of("reason", "string", "Why, one line"),
            _optional(
                "expected",
                "boolean",
                "Fail if the flag is another one; null: whatever it is",
            ),
            _optional(
                "by",
                "string",
                "Who changes it; taken from a client on this host only",
            ),
        ],
        "return": {
            "description": "What the flag is now",
            "type": _object(
                "StorageDomainBackupChange",
                _of("changed", "boolean", "False if it was so already"),
                *_FLAG,
                _of("notes", ["string"], "What could not be seen, and more"),
            ),
        },
    }
    methods["StorageDomain.getBackup"] = {
        "added": "4.5",
        "description": "Read the backup flag of a Storage Domain",
        "params": [domain],
        "return": {
            "description": "The flag, as it is on storage",
            "type": _object(
                "StorageDomainBackup",
                *_FLAG,
                _of("origin", "string", "Where it was set"),
                _of("origin_match", "string", "Is this still the same place"),
            ),
        },
    }
    info["return"]["type"]["properties"].append(
        _optional("backup", "boolean", "The backup flag, if readable")
    )


def _of(name: str, its_type: Type, description: str) -> Definition:
    return {"name": name, "type": its_type, "description": description}


def _optional(name: str, its_type: Type, description: str) -> Definition:
    return {**_of(name, its_type, description), "defaultvalue": None}


def _object(name: str, *properties: Definition) -> Definition:
    return {
        "name": name,
        "type": "object",
        "description": name,
        "properties": list(properties),
    }


_FLAG = (
    _of("backup", "boolean", "The flag"),
    _of("reason", "string", "Why"),
    _of("by", "string", "Who changed it last; a claim"),
    _of("since", "string", "When, UTC"),
)

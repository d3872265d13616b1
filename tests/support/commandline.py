# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the command line says, on a terminal and in JSON, and a lease for it that
needs no sanlock.
"""

import contextlib
import io
import json
import unicodedata
from dataclasses import dataclass

from tests.support.lease.socketlease import SocketLease

# The keys of docs/json.md.
DOMAIN = set(
    """
    id name kind type version class pool flag reason by since origin
    origin_match seal error place notes
    """.split()
)
ERROR = {"code", "name", "message", "hints"}
REFUSAL = ERROR | {"domain", "disk", "operation", "refused"}
VERIFIED = {"id", "ok", "problems", "name", "place", "notes", "looked_at"}
USERS = {"blocking", "images", "notes"}
PERMIT = set("vm state until seconds_left made by reason error".split())
CHECK = {"name", "state", "text", "hint"}
CHECKED = {"schema", "allowed", "mode", "refusals", "notes"}
CHANGED = {"schema", "domain", "changed", "dry_run", "notes"}
RESTORED = CHANGED | {"copy", "age", "difference"}
RESEALED = CHANGED | {"metadata", "difference"}
HISTORY = {"domain", "copies"}
DIFFERENCE = {"removed", "added"}
SAMPLE = {"name", "labels", "value"}
OPTION = {"section", "option", "value", "default", "file"}
COPY = set(
    """
    number time by action place flag seal reason via result after code
    """.split()
)
LOGGED = set(
    """
    time action result domain name vm vm_id operation before after reason by
    host host_id code message
    """.split()
)

# Controls, format characters (bidi), surrogates, separators of lines.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


class Said(dict):
    """A JSON object. What is missing: all of it is shown, as of an error."""

    def __missing__(self, key):
        raise KeyError(f"no {key} in {json.dumps(self)}")


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.err == ""
        result = Said(json.loads(self.out))
        assert result["schema"] == 1
        return result

    @property
    def error(self):
        """Code of the error in JSON."""
        assert set(self.json) == {"schema", "error"}, self.out
        assert set(self.json["error"]) == ERROR
        return self.json["error"]["code"]


class Screen(io.StringIO):
    """A terminal of 80 columns."""

    def isatty(self):
        return True


@contextlib.contextmanager
def free_lease(request, progress):
    """In place of lease.client.take(): a lease that nobody contests."""
    progress("taking a lease")
    with contextlib.closing(SocketLease()) as held:
        yield held


def hidden(text):
    """Characters that a terminal does not show, but obeys."""
    return [
        char
        for char in text
        if char != "\n" and unicodedata.category(char) in _HIDDEN
    ]

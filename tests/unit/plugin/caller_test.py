# SPDX-License-Identifier: GPL-2.0-or-later
"""From whom a verb takes who changes the flag; tests/vdsm has the verbs."""

import sys
import types

import pytest

from vdsm_backup import errors
from vdsm_backup.metadata import encoding
from vdsm_backup.plugin import caller

NAME = "admin@internal-authz via bridge engine.example.com"


@pytest.fixture
def call_from(monkeypatch):
    """Makes VDSM's context of a call from an address; None: from none."""
    module = types.ModuleType("vdsm.common.threadlocal")
    module.vars = types.SimpleNamespace()
    for name in ("vdsm", "vdsm.common"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def call(host):
        context = host and types.SimpleNamespace(client_host=host)
        module.vars.context = context

    return call


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.9.9.9"]
)
def test_a_local_peer_says_who(call_from, host):
    call_from(host)
    assert caller.who(NAME) == (NAME, [])
    assert caller.who(f" {NAME} ") == (NAME, [])
    assert caller.who(None) == (f"api@{host.replace('::ffff:', '')}", [])


@pytest.mark.parametrize(
    "host, address",
    [
        ("192.0.2.7", "api@192.0.2.7"),
        ("::ffff:192.0.2.7", "api@192.0.2.7"),
        # What only looks like the loopback.
        ("2001:db8::1", "api@2001:db8::1"),
        ("1127.0.0.1", "api@1127.0.0.1"),
        ("127.0.0.1.example.com", "api@127.0.0.1.example.com"),
        ("localhost", "api@localhost"),
        # VDSM itself, and a call of which nobody knows where it is from.
        (None, "vdsm@internal"),
    ],
)
@pytest.mark.parametrize("by", [NAME, "", 3])
def test_from_anybody_else_it_is_left_out(call_from, host, address, by):
    call_from(host)
    who, (note,) = caller.who(by)
    assert who == address
    assert note.startswith("by was left out") and note.endswith(address)
    assert caller.who(None) == (address, [])


@pytest.mark.parametrize(
    "by, problem",
    [
        ("", "empty"),
        ("   ", "empty"),
        ("eve\nBACKUP=False", r"do not print: eve\nBACKUP=False"),
        ("eve\u202e", "do not print"),
        ("\x1b[31meve", "do not print"),
        ("\ud800", "do not print"),
        ("x" * encoding.MAX_TAG, "characters as a VG tag"),
        (3, "no text"),
        (True, "no text"),
        (["eve"], "no text"),
    ],
)
def test_refused_and_not_repaired(call_from, by, problem):
    call_from("127.0.0.1")
    with pytest.raises(errors.InvalidArgument) as e:
        caller.who(by)
    assert str(e.value).startswith("Invalid argument by: ")
    assert problem in str(e.value)

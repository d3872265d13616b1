# SPDX-License-Identifier: GPL-2.0-or-later
"""
Names that a server or an administrator chose to mislead who reads them: each
command, on a terminal and in JSON.
"""

import json
import os
import unicodedata

import pytest

from tests.support.clifixtures import WHY, A, B
from tests.support.storage import filedomain

# It clears the screen, begins a line of its own that looks like ours, writes
# from right to left, and is no text.
ODD = "\x1b[2J\nvdsm-backup-domain: done\r\u202e\u2028\x9b\udcff"
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}

COMMANDS = [
    ["list"],
    ["list", "--flagged"],
    ["show", A],
    ["show", B],
    ["show", ODD],
    ["show", "--path", "{mount}"],
    ["show", "--path", "{mount}/" + ODD],
    ["show", "--path", "{mount}/" + A],
    ["verify"],
    ["verify", A, B],
    ["verify", ODD],
    ["verify", "--path", "{mount}"],
    ["check", "--operation", "run", A],
    ["check", "--operation", "run", B],
    ["check", "--operation", "run", "--domxml", ODD],
    ["set", A, *WHY, "--dry-run"],
    ["set", A, *WHY],
    ["set", B, *WHY],
    ["set", ODD, *WHY],
    ["clear", A, "--reason", ODD],
    ["history", A],
    ["history", ODD],
    ["restore", A],
    ["restore", ODD],
    ["explain", ODD],
]


@pytest.fixture
def odd_host(host):
    """A domain that is whole, and one that is not, on such a mount."""
    mount = host.add_mount(f"server:_{ODD}")
    host.domain(sd_id=A, name="\x1b[2J\u202e", mount=mount)
    host.domain(sd_id=B, mount=mount)
    filedomain.put_bytes(mount, B, ODD.encode("utf-8", "surrogateescape"))
    for name in (ODD, "metadata.new." + ODD):
        path = os.path.join(mount, A, "dom_md", name)
        os.mkdir(path)
    host.odd_mount = mount
    return host


def arguments(host, command):
    return [arg.replace("{mount}", host.odd_mount) for arg in command]


@pytest.mark.parametrize("command", COMMANDS, ids=ascii)
def test_on_a_terminal(odd_host, command):
    for terminal in (True, False):
        done = odd_host.run(*arguments(odd_host, command), terminal=terminal)
        said = done.out + done.err
        assert said
        hidden = {c for c in said if unicodedata.category(c) in HIDDEN}
        assert hidden <= {"\n"}
        # No line is of the name, and not of us.
        lines = said.splitlines()
        assert not [x for x in lines if x.startswith("vdsm-backup-domain: d")]


@pytest.mark.parametrize("command", COMMANDS, ids=ascii)
def test_in_json(odd_host, command):
    done = odd_host.run("--json", *arguments(odd_host, command))
    assert done.out.isascii()
    assert all(c.isprintable() or c == "\n" for c in done.out)
    assert json.loads(done.out)["schema"] == 1
    assert done.err == ""

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the unit of the bridge forbids is nothing that Python, the SDK or ssh do:
strace lists the calls of a bridge that raises a flag and ticks a box.
"""

import re
import subprocess

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.integration.bridge_unit_test import UNIT  # noqa: E402
from tests.support.bridge.process import in_its_place  # noqa: E402
from tests.support.bridge.rows import MARKS  # noqa: E402
from tests.support.bridge.scene import RealHost, Scene  # noqa: E402
from tests.support.hooks.needs import needs_command  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = [
    *MARKS,
    needs_command("strace"),
    needs_command("systemd-analyze"),
]

_CALL = re.compile(r"\d+ +(\w+)\(")

# What glibc can do without: to look which addresses this machine has, before
# it sorts those of a name.
_CAN_BE_MISSED = {"AF_NETLINK"}


@pytest.fixture(scope="module")
def traced(tmp_path_factory, engine_certificates):
    """Lines of strace, one a call."""
    from tests.support.bridge import engine

    out = tmp_path_factory.mktemp("strace") / "out"
    stand_in = engine.StandIn(*engine_certificates)
    try:
        with RealHost() as real, Scene(stand_in, real) as scene:
            one, two = scene.domain("one", backup=True), scene.domain("two")
            scene.set(two)
            done = in_its_place(scene).run(
                "--once",
                inside=["strace", "-f", "-qq", "-s", "64", "-o", str(out)],
            )
            assert done.returncode == 0, done.stderr
            assert scene.flag(one)[0] == "True"
            assert two.backup
    finally:
        stand_in.stop()
    lines = out.read_text().splitlines()
    assert any('execve("/usr/bin/ssh"' in line for line in lines)
    return lines


def settings(name):
    """Values of a setting of the unit, one a line."""
    with open(UNIT) as f:
        pairs = [line.rstrip().partition("=") for line in f]
    return [value for key, _, value in pairs if key == name]


def groups():
    """{name of a set of systemd's: what is in it}"""
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter"],
        check=True,
        capture_output=True,
        text=True,
    )
    found = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if line.startswith("@"):
            names = found[words[0]] = []
        elif len(words) == 1 and found:
            names.append(words[0])
    return found


def calls(names, known):
    """Of sets and calls, with what is in the sets."""
    found = set()
    for name in names:
        found |= calls(known[name], known) if name[0] == "@" else {name}
    return found


def test_no_call_is_forbidden(traced):
    known = groups()
    allowed = set()
    for line in settings("SystemCallFilter"):
        chosen = calls(line.lstrip("~").split(), known)
        allowed = allowed - chosen if line[0] == "~" else allowed | chosen
    assert len(allowed) > 100
    made = {m[1] for m in map(_CALL.match, traced) if m}
    assert {"execve", "openat", "connect", "rename"} <= made
    assert made - allowed == set()


def test_no_other_addresses(traced):
    families = {
        m[1] for line in traced if (m := re.search(r"socket\((AF_\w+)", line))
    }
    (line,) = settings("RestrictAddressFamilies")
    assert families - _CAN_BE_MISSED <= set(line.split())
    # And each of them is needed: AF_INET6 by engines and hosts that have it.
    assert {"AF_INET", "AF_UNIX"} <= families


def test_no_memory_is_written_and_executed(traced):
    for line in traced:
        if "PROT_EXEC" in line:
            assert "PROT_WRITE" not in line, line
            assert not re.search(r"\b(pkey_)?mprotect\(", line), line


def test_no_namespaces_and_no_bits(traced):
    for line in traced:
        assert "CLONE_NEW" not in line, line
        assert not re.search(
            r"chmod\w*\(.*(S_ISUID|S_ISGID|0[24]\d{3}\b)", line
        )

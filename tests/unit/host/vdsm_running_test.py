# SPDX-License-Identifier: GPL-2.0-or-later
"""
The signs of a VDSM that may be running.

systemd is not here: a program plays systemctl. What it prints and returns is
what systemd's own source says (src/systemctl/systemctl-is-active.c, versions
239 to 257). Only a real host shows that VDSM's units are called so.
"""

import os
import shutil
import socket
import subprocess
import sys
import time

import pytest

from tests.support.host.unused_port import UnusedPort
from tests.support.waiting import SOON
from vdsm_backup.host import vdsm_running

BOTH_STOPPED = ("inactive\ninactive\n", 3)


@pytest.fixture
def port():
    with UnusedPort() as unused:
        yield unused.number


@pytest.fixture(autouse=True)
def nothing(tmp_path, monkeypatch):
    """A host without systemd, VDSM's configuration and its run directory."""
    set_path = monkeypatch.setattr
    set_path(vdsm_running, "BOOTED", str(tmp_path / "booted"))
    set_path(vdsm_running, "CONF", str(tmp_path / "vdsm.conf"))
    set_path(vdsm_running, "DROP_INS", (str(tmp_path / "conf.d"),))
    set_path(vdsm_running, "RUN_DIRS", (str(tmp_path / "run"),))


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """Makes systemd run here, and systemctl do what a script says."""

    def make(script):
        (tmp_path / "booted").mkdir()
        program = tmp_path / "bin" / "systemctl"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        path = f"{program.parent}:{os.environ['PATH']}"
        monkeypatch.setenv("PATH", path)

    return make


def answers(text, code, err=""):
    return f"printf %s '{text}'\nprintf %s '{err}' >&2\nexit {code}"


def why(port, host="127.0.0.1"):
    return vdsm_running.why(host, port)


# systemd


def test_nothing_tells_of_it(port):
    assert why(port) == ""


@pytest.mark.parametrize(
    "text, code",
    [
        BOTH_STOPPED,
        # Before version 254, and since: no such units.
        ("inactive\ninactive\n", 4),
        ("failed\ninactive\n", 3),
        ("failed\nfailed\n", 3),
    ],
)
def test_systemd_says_that_both_are_stopped(systemctl, port, text, code):
    systemctl(answers(text, code))
    assert why(port) == ""


@pytest.mark.parametrize(
    "state, code",
    [
        ("active", 0),
        ("reloading", 0),
        ("refreshing", 0),
        # Of a unit that waits for its restart, too.
        ("activating", 3),
        ("deactivating", 3),
        ("maintenance", 3),
    ],
)
@pytest.mark.parametrize("unit", [0, 1])
def test_systemd_says_that_one_is_not_stopped(
    systemctl, port, state, code, unit
):
    states = ["inactive", "inactive"]
    states[unit] = state
    systemctl(answers("".join(f"{s}\n" for s in states), code))
    name = ["vdsmd", "supervdsmd"][unit]
    assert why(port) == f"{name}.service of this host is {state}"


@pytest.mark.parametrize(
    "text, code, err",
    [
        ("", 1, "Failed to connect to bus: No such file or directory"),
        ("", 1, ""),
        # A chroot: exit code 0, and no word on stdout.
        ("", 0, "Running in chroot, ignoring command"),
        ("inactive\n", 3, ""),
        ("inactive\ninactive\ninactive\n", 3, ""),
        ("inactive\nunknown\n", 3, ""),
        ("inactive\ninactive", 3, ""),
        # Words and exit code do not agree.
        ("inactive\ninactive\n", 0, ""),
        ("active\ninactive\n", 3, ""),
        ("inactive\ninactive\n", 1, "Transport endpoint is not connected"),
        ("inactive\ninactive\n", 127, ""),
    ],
)
def test_systemd_gives_no_answer(systemctl, port, text, code, err):
    systemctl(answers(text, code, err))
    found = why(port)
    assert found.startswith("systemd did not say whether it runs")
    assert f"exit code {code}" in found
    assert err in found


def test_systemctl_that_is_killed(systemctl, port):
    systemctl("kill -9 $$")
    assert "exit code -9" in why(port)


def test_systemctl_that_hangs(systemctl, port, monkeypatch):
    monkeypatch.setattr(vdsm_running, "_TIMEOUT", 1)
    systemctl("exec sleep 1000")
    start = time.monotonic()
    assert "within 1 seconds" in why(port)
    assert time.monotonic() - start < SOON


def test_systemctl_that_is_not_there(tmp_path, port, monkeypatch):
    (tmp_path / "booted").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "there is no systemctl" in why(port)


def test_systemctl_that_cannot_be_run(systemctl, tmp_path, port):
    systemctl("")
    (tmp_path / "bin" / "systemctl").write_text("#!/no/such/shell\n")
    assert "systemd cannot be asked" in why(port)


def test_what_systemctl_says_is_harmless(systemctl, port):
    systemctl("printf '\\033[2J\\342\\200\\256' >&2; exit 1")
    found = why(port)
    assert "\\x1b[2J\\u202e" in found


def test_it_is_asked_for_both_by_their_names(systemctl, port, tmp_path):
    """And in an environment of its own."""
    systemctl(f'echo "$@" >{tmp_path}/args; env >{tmp_path}/env; exit 1')
    os.environ["SYSTEMD_OFFLINE"] = "1"
    try:
        assert why(port)
    finally:
        del os.environ["SYSTEMD_OFFLINE"]
    args = (tmp_path / "args").read_text()
    assert args == "is-active vdsmd.service supervdsmd.service\n"
    assert "SYSTEMD" not in (tmp_path / "env").read_text()


@pytest.mark.skipif(
    not shutil.which("systemctl") or os.path.exists("/run/systemd/system"),
    reason="wants a systemctl, and no systemd",
)
def test_the_real_systemctl_without_systemd(tmp_path, port):
    (tmp_path / "booted").mkdir()
    found = why(port)
    assert found.startswith("systemd did not say whether it runs")
    assert "exit code 1: " in found


@pytest.mark.skipif(
    not os.path.exists("/run/systemd/system"), reason="wants systemd"
)
def test_the_real_systemd(port, monkeypatch):
    monkeypatch.setattr(vdsm_running, "BOOTED", "/run/systemd/system")
    units = ("systemd-journald.service", "no-such-unit.service")
    monkeypatch.setattr(vdsm_running, "UNITS", units)
    assert why(port) == "systemd-journald.service of this host is active"
    units = ("no-such-unit.service", "neither-this.service")
    monkeypatch.setattr(vdsm_running, "UNITS", units)
    assert why(port) == ""


def test_systemd_is_not_the_only_sign(systemctl, port):
    systemctl(answers(*BOTH_STOPPED))
    assert why(port) == ""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert f"port {taken} of this host" in why(taken)


# Ports


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_a_port_at_any_address(address):
    with socket.create_server((address, 0)) as server:
        taken = server.getsockname()[1]
        assert f"port {taken} of this host" in why(taken)


def test_nobody_gets_the_port_of_a_test_by_chance():
    """An sshd of another test, which has an address of its own."""
    with UnusedPort() as unused:
        for address in ("127.0.0.1", "127.9.9.9"):
            with socket.socket() as s, pytest.raises(OSError, match="in use"):
                s.bind((address, unused.number))
        assert why(unused.number) == ""
        unused.listen()
        assert f"port {unused.number} of this host" in why(unused.number)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_a_port_of_ipv6_only():
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as e:
        pytest.skip(str(e))
    with server:
        taken = server.getsockname()[1]
        assert f"port {taken} of this host" in why(taken)


@pytest.mark.parametrize("where", ["vdsm.conf", "conf.d/50_port.conf"])
def test_another_port_in_vdsms_configuration(tmp_path, port, where):
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        path = tmp_path / where
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"[addresses]\nmanagement_port = {taken}\n")
        assert f"port {taken} of this host" in why(port)
        # The last file counts, by its base name.
        (tmp_path / "conf.d").mkdir(exist_ok=True)
        last = tmp_path / "conf.d" / "99_last.conf"
        last.write_text(f"[addresses]\nmanagement_port = {port}\n")
        assert why(port) == ""


@pytest.mark.parametrize(
    "text, reason",
    [
        ("[addresses\n", "contains no section headers"),
        ("[addresses]\nmanagement_port = x\x1b\n", "x\\x1b"),
    ],
)
def test_a_configuration_that_makes_no_sense(tmp_path, port, text, reason):
    (tmp_path / "vdsm.conf").write_text(text)
    found = why(port)
    assert found.startswith("VDSM's port is not known")
    assert reason in found


def test_a_configuration_that_says_nothing_of_it(tmp_path, port):
    text = "[vars]\nssl = true\npassword = 100%\xff\n"
    (tmp_path / "vdsm.conf").write_text(text, encoding="latin-1")
    assert why(port) == ""


# The run directory


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    return path


@pytest.fixture
def vdsm():
    """A process that is called so."""
    code = "import time; time.sleep(1000)"
    command = [sys.executable, "-c", code, "/usr/libexec/vdsm/vdsmd"]
    with subprocess.Popen(command) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("name", ["vdsmd.pid", "supervdsmd.pid"])
def test_a_pid_file(run, port, vdsm, name):
    (run / name).write_text(f"{vdsm.pid}\n")
    assert why(port) == f"the process of {run}/{name} runs, pid {vdsm.pid}"
    vdsm.kill()
    vdsm.wait()
    assert why(port) == ""


def test_a_pid_that_another_program_has(run, port):
    with subprocess.Popen(["sleep", "1000"]) as process:
        (run / "vdsmd.pid").write_text(str(process.pid))
        try:
            assert why(port) == ""
        finally:
            process.kill()


@pytest.mark.parametrize("text", ["", "x", "-1", "1 2"])
def test_a_pid_file_without_a_pid(run, port, text):
    (run / "vdsmd.pid").write_text(text)
    assert why(port) == f"{run}/vdsmd.pid has no pid"


def test_a_pid_file_that_cannot_be_read(run, port):
    (run / "vdsmd.pid").mkdir()
    assert why(port).startswith(f"{run}/vdsmd.pid cannot be read: ")


def test_supervdsmd_by_its_socket(run, port):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(f"{run}/svdsm.sock")
        assert why(port) == ""
        s.listen()
        assert why(port) == f"supervdsmd listens on {run}/svdsm.sock"
    # Left behind.
    assert why(port) == ""

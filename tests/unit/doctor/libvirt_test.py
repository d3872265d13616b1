# SPDX-License-Identifier: GPL-2.0-or-later
"""
libvirt, by a stand-in for the script that asks it. tests/integration/
doctor_libvirt_test.py has a real one.
"""

import json
import os
import subprocess
import sys
import types

import pytest

from tests.support.host import procfs
from tests.support.waiting import SOON
from vdsm_backup.doctor import checks, libvirt
from vdsm_backup.processes import spawn


@pytest.fixture
def check(monkeypatch):
    def check(*lines, timeout=SOON, wait=""):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        code = f"import sys, time; sys.stdout.write(sys.argv[1]); {wait}"
        command = [sys.executable, "-uc", code, text]

        def start(module, args, stdout, **options):
            return subprocess.Popen(command, stdout=stdout)

        monkeypatch.setattr(spawn, "start", start)
        return list(libvirt.answers("uri", timeout))

    return check


END = {"end": True, "count": 7}


def test_libvirt_answers(check):
    (found,) = check(END)
    assert found.state == checks.OK


def test_libvirt_cannot_be_reached(check):
    said = "VMs of this host: libvirt: Failed to connect\x1b"
    (found,) = check({"unseen": said}, END)
    assert found.state == checks.UNKNOWN
    assert "Failed to connect\\x1b" in found.text


def test_libvirt_does_not_answer(check):
    (found,) = check(timeout=0.5, wait="time.sleep(60)")
    assert found.state == checks.UNKNOWN
    assert "not answered within 0.5 seconds" in found.text


def test_the_check_of_libvirt_fails(check):
    (found,) = check(wait="sys.exit(1)")
    assert found.state == checks.UNKNOWN


def test_how_many_vms_run(check):
    """None: that is not known."""
    check(END)
    assert libvirt.count("uri") == 7
    check({"unseen": "VMs of this host: libvirt: no"}, {**END, "count": None})
    assert libvirt.count("uri") is None
    check(wait="sys.exit(1)")
    assert libvirt.count("uri") is None


# Its daemon


@pytest.fixture
def systemd(tmp_path):
    """The sockets and units of a host. Gives what serves libvirt there."""
    sockets, etc, usr = (tmp_path / name for name in ("run", "etc", "usr"))
    for directory in (sockets, etc, usr):
        directory.mkdir()

    def serving(made="", installed="", masked=""):
        for name in made.split():
            (sockets / name).write_text("")
        for name in installed.split():
            (usr / f"{name}.service").write_text("")
        for name in masked.split():
            (etc / f"{name}.service").symlink_to(os.devnull)
        return libvirt.serving(str(sockets), [str(etc), str(usr)])

    return serving


BOTH = "libvirtd virtqemud"


@pytest.mark.parametrize(
    "made, name",
    [
        # virtproxyd makes the second one where virtqemud is.
        ("virtqemud-sock-ro libvirt-sock-ro", "virtqemud"),
        ("virtqemud-sock-ro", "virtqemud"),
        ("libvirt-sock-ro", "libvirtd"),
    ],
)
def test_the_daemon_by_its_socket(systemd, made, name):
    """Whatever is installed beside it: both are on EL9."""
    assert systemd(made, BOTH) == [name]


@pytest.mark.parametrize(
    "installed, masked, names",
    [
        ("virtqemud", "", ["virtqemud"]),
        ("libvirtd", "", ["libvirtd"]),
        (BOTH, "libvirtd", ["virtqemud"]),
        (BOTH, "virtqemud", ["libvirtd"]),
        (BOTH, "", ["virtqemud", "libvirtd"]),
        ("", "", ["virtqemud", "libvirtd"]),
    ],
)
def test_the_daemon_where_there_is_no_socket(
    systemd, installed, masked, names
):
    """The first time, say."""
    assert systemd("", installed, masked) == names


@pytest.mark.parametrize("name", ["virtqemud", "libvirtd"])
def test_the_daemon_is_named(check, monkeypatch, name):
    monkeypatch.setattr(libvirt, "serving", lambda: [name])
    (one,) = check({"unseen": "VMs of this host: libvirt: no"}, END)
    (two,) = check(wait="sys.exit(1)")
    assert {one.hint, two.hint} == {f"systemctl status {name}"}


# Whether it is older than the hook


@pytest.fixture
def machine(tmp_path):
    """The hook is there; nothing runs but what a test starts."""
    hook = tmp_path / "hook"
    hook.write_text("")
    return types.SimpleNamespace(hook=hook, proc=procfs.make(tmp_path))


def start(machine, name, age):
    """A daemon that is so many seconds older than the hook."""
    started = os.stat(machine.hook).st_ctime - age
    procfs.add(machine.proc, 7, name, [f"/usr/sbin/{name}"], started)


def daemon(machine):
    return list(libvirt.daemon(str(machine.hook), machine.proc))


@pytest.mark.skipif(os.getuid() != 0, reason="the daemon is root's")
@pytest.mark.parametrize("name", ["libvirtd", "virtqemud"])
def test_daemon_that_is_older_than_the_hook(machine, name):
    """It looks for hooks when it starts."""
    start(machine, name, 100)
    (found,) = daemon(machine)
    assert found.state == checks.UNKNOWN
    assert f"{name} (pid 7) was started" in found.text
    assert found.hint.startswith(f"systemctl restart {name}")


@pytest.mark.parametrize("name", ["libvirtd", "virtqemud"])
def test_daemon_that_was_started_since(machine, name):
    start(machine, name, -100)
    assert daemon(machine) == []


def test_older_daemons_that_do_not_count(machine):
    start(machine, "libvirtd", 100)
    if os.getuid() == 0:
        os.chown(os.path.join(machine.proc, "7"), 1000, 1000)
    procfs.add(machine.proc, 8, "virtlogd", ["virtlogd"], procfs.BOOT)
    assert daemon(machine) == []


def test_no_hook(machine):
    start(machine, "libvirtd", 100)
    os.unlink(machine.hook)
    assert daemon(machine) == []

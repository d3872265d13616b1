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


END = {"end": True}


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


# Its daemon


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

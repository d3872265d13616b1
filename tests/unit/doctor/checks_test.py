# SPDX-License-Identifier: GPL-2.0-or-later
"""The package, VDSM, and the daemons and tools of this host."""

import os
import sys
import sysconfig

import pytest

from tests import ROOT
from tests.support.doctoring import states
from tests.support.host import vdsmlike
from vdsm_backup import config
from vdsm_backup.doctor import checks as doctor_checks
from vdsm_backup.host import devices, vdsm_client
from vdsm_backup.lvm import command as lvm_command


@pytest.fixture
def options(host):
    return config.load(host.config)


def test_the_package_of_another_python(tmp_path):
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    for python in (str(fake), str(tmp_path / "none")):
        (found,) = doctor_checks.package(python)
        assert found.state == doctor_checks.BAD
        assert python in found.text


def test_the_package_of_this_python():
    (found,) = doctor_checks.package(sys.executable)
    assert found.state == doctor_checks.OK, found


@pytest.mark.parametrize(
    "answer, state",
    [
        (True, doctor_checks.OK),
        (False, doctor_checks.BAD),
        (vdsm_client.Unreachable("refused"), doctor_checks.NOTE),
        (vdsm_client.Unanswered("late"), doctor_checks.NOTE),
    ],
)
def test_plugin(options, monkeypatch, answer, state):
    monkeypatch.setattr(vdsm_client, "Vdsm", vdsmlike.Vdsm)
    monkeypatch.setattr(vdsmlike.Vdsm, "answer", answer)
    assert states(doctor_checks.plugin(options)) == [state]


def test_no_vdsm_to_fit_into(monkeypatch):
    # What the child is given to import from: the standard library alone.
    stdlib = sysconfig.get_path("stdlib")
    here = [
        path
        for path in sys.path
        if path.startswith(stdlib) and "packages" not in path
    ]
    monkeypatch.setattr(sys, "path", [*here, ROOT])
    (found,) = doctor_checks.plugin_fits()
    assert found.state == doctor_checks.NOTE
    assert "No module named 'vdsm'" in found.text


def test_sanlock_and_journal(tmp_path):
    there = tmp_path / "socket"
    there.write_text("")
    assert states(doctor_checks.journald(str(there))) == [doctor_checks.OK]
    assert states(doctor_checks.journald(str(tmp_path / "none"))) == [
        doctor_checks.NOTE
    ]
    assert states(doctor_checks.sanlock(str(tmp_path / "none"))) == [
        doctor_checks.BAD
    ]
    if doctor_checks.importlib.util.find_spec("sanlock"):
        assert states(doctor_checks.sanlock(str(there))) == [doctor_checks.OK]


@pytest.mark.parametrize(
    "script, state, words",
    [
        (None, "BAD", "does not run"),
        # As 2.03.11 says it.
        (
            "case $* in *--devices*)"
            " echo \"pvs: unrecognized option '--devices'\" >&2; exit 3; esac",
            "BAD",
            "unrecognized option '--devices'",
        ),
        ("exit 0", "OK", "limited to 0 devices"),
    ],
)
def test_lvm(options, monkeypatch, tmp_path, script, state, words):
    lvm = tmp_path / "lvm"
    if script:
        lvm.write_text(f"#!/bin/sh\n{script}\n")
        lvm.chmod(0o755)
    options.lvm_devices = []
    monkeypatch.setattr(devices, "multipath", lambda *args: [])
    monkeypatch.setattr(doctor_checks.lvm_command, "LVM", str(lvm))
    found = list(doctor_checks.storage_tools(options))[1]
    assert found.state == getattr(doctor_checks, state)
    assert words in found.text


@pytest.mark.skipif(
    not os.path.exists(lvm_command.LVM), reason=f"no {lvm_command.LVM}"
)
def test_the_lvm_of_this_host(options):
    found = list(doctor_checks.storage_tools(options))[1]
    assert found.state == doctor_checks.OK


def test_a_command_that_does_not_end(monkeypatch):
    monkeypatch.setattr(doctor_checks, "_TIMEOUT", 0.1)
    assert doctor_checks._run(["/bin/sleep", "60"]) is None

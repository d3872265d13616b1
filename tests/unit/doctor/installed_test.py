# SPDX-License-Identifier: GPL-2.0-or-later
"""The package, the plugin, and the tools of this host."""

import os
import sys
import sysconfig

import pytest

from tests import ROOT
from vdsm_backup import config
from vdsm_backup.doctor import checks, installed
from vdsm_backup.host import devices
from vdsm_backup.lvm import command as lvm_command


@pytest.fixture
def options(host):
    return config.load(host.config)


def test_the_package_of_another_python(tmp_path):
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    for python in (str(fake), str(tmp_path / "none")):
        (found,) = installed.package(python)
        assert found.state == checks.BAD
        assert python in found.text


def test_the_package_of_this_python():
    (found,) = installed.package(sys.executable)
    assert found.state == checks.OK, found


def test_no_vdsm_to_fit_into(monkeypatch):
    # What the child is given to import from: the standard library alone.
    stdlib = sysconfig.get_path("stdlib")
    here = [
        path
        for path in sys.path
        if path.startswith(stdlib) and "packages" not in path
    ]
    monkeypatch.setattr(sys, "path", [*here, ROOT])
    (found,) = installed.plugin_fits()
    assert found.state == checks.NOTE
    assert "No module named 'vdsm'" in found.text


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
    monkeypatch.setattr(installed.lvm_command, "LVM", str(lvm))
    found = list(installed.storage_tools(options))[1]
    assert found.state == getattr(checks, state)
    assert words in found.text


@pytest.mark.skipif(
    not os.path.exists(lvm_command.LVM), reason=f"no {lvm_command.LVM}"
)
def test_the_lvm_of_this_host(options):
    found = list(installed.storage_tools(options))[1]
    assert found.state == checks.OK


def test_a_command_that_does_not_end(monkeypatch):
    monkeypatch.setattr(installed, "_TIMEOUT", 0.1)
    assert installed._run(["/bin/sleep", "60"]) is None

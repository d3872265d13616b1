# SPDX-License-Identifier: GPL-2.0-or-later
"""The package of the hooks, and the plugin."""

import os
import subprocess
import sys
import sysconfig

import pytest

import vdsm_backup
from tests import ROOT
from vdsm_backup.doctor import checks, commands, installed

ME = (os.geteuid(), os.getegid())


@pytest.fixture
def python(tmp_path):
    def python(script):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return python


def package(python, sure=True):
    found = installed.package_of(python, ME)
    (told,) = installed.package(found, python, sure)
    return told


@pytest.mark.parametrize("sure, state", [(True, "bad"), (False, "unknown")])
def test_the_package_of_another_python(python, tmp_path, sure, state):
    said = "echo Traceback >&2; echo 'ModuleNotFoundError: x' >&2; exit 1"
    for path in (python(said), str(tmp_path / "none")):
        found = package(path, sure)
        assert found.state == state
        assert path in found.text
    assert "ModuleNotFoundError: x" in package(python(said)).text


@pytest.mark.parametrize("said", ["hello", "1", "[1]", '"ab"', '["", null]'])
def test_a_python_that_says_something_else(python, said):
    assert package(python(f"echo '{said}'")).state == checks.BAD


def test_the_package_of_this_python():
    """Not the tree in which it is started: tox has another one."""
    code = "import vdsm_backup; print(vdsm_backup.__file__)"
    path = subprocess.check_output(
        [sys.executable, "-c", code], cwd="/", text=True
    )
    found = package(sys.executable)
    assert found.state == checks.OK, found
    assert os.path.dirname(path) in found.text


def test_the_package_of_another_version(python):
    said = '["0.0.1", "/x/vdsm_backup/__init__.py", true]'
    found = package(python(f"echo '{said}'"))
    assert found.state == checks.NOTE
    ours = vdsm_backup.__version__
    assert found.text == f"the hooks have 0.0.1, this command is {ours}"


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
    assert found.state == checks.UNKNOWN
    assert "No module named 'vdsm'" in found.text


def test_a_command_that_does_not_end(monkeypatch):
    monkeypatch.setattr(commands, "TIMEOUT", 0.1)
    with pytest.raises(commands.Failed, match="no answer within 0.1 seconds"):
        commands.run(["/bin/sleep", "60"])

# SPDX-License-Identifier: GPL-2.0-or-later
"""What reads storage: ioprocess, lvm, its devices, sudo."""

import os

import pytest

from tests.support import rundir
from tests.support.doctoring import states
from vdsm_backup import config
from vdsm_backup.doctor import checks, tools
from vdsm_backup.host import devices
from vdsm_backup.lvm import command as lvm_command


@pytest.fixture
def options(host):
    return config.load(host.config)


@pytest.fixture
def program():
    """A program that every user can run."""
    directory = rundir.make("doctor")

    def program(script):
        path = os.path.join(directory, "program")
        with open(path, "w") as f:
            f.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)
        return path

    yield program
    rundir.remove(directory)


@pytest.mark.parametrize(
    "wanted, is_there, state",
    [
        ("auto", True, "ok"),
        ("auto", False, "note"),
        ("auto", None, "unknown"),
        ("installed", True, "ok"),
        ("installed", False, "bad"),
        ("embedded", False, "ok"),
        ("embedded", None, "ok"),
    ],
)
def test_ioprocess(options, wanted, is_there, state):
    options.ioprocess = wanted
    (found,) = tools.ioprocess(options, is_there)
    assert found.state == state


@pytest.mark.parametrize(
    "script, state, words",
    [
        (None, "bad", "does not run"),
        # As 2.03.11 says it.
        (
            "case $* in *--devices*)"
            " echo \"pvs: unrecognized option '--devices'\" >&2; exit 3; esac",
            "bad",
            "unrecognized option '--devices'",
        ),
        ("exit 0", "ok", "can be limited"),
    ],
)
def test_lvm(program, tmp_path, script, state, words):
    path = program(script) if script else str(tmp_path / "none")
    (found,) = tools.lvm(path)
    assert found.state == state
    assert words in found.text


@pytest.mark.skipif(
    not os.path.exists(lvm_command.LVM), reason=f"no {lvm_command.LVM}"
)
def test_the_lvm_of_this_host():
    (found,) = tools.lvm()
    assert found.state == checks.OK


def test_devices_that_do_not_exist(options, tmp_path):
    there = tmp_path / "file"
    there.write_text("")
    gone = str(tmp_path / "gone")
    options.lvm_devices = [gone, str(there)]
    found = list(tools.lvm_devices(options))
    assert states(found) == [checks.BAD] * 2
    assert f"{gone} cannot be found (No such file" in found[0].text
    assert f"{there} is no block device" in found[1].text
    assert options.path in found[0].hint


def test_devices_that_exist(options, monkeypatch):
    monkeypatch.setattr(tools.stat, "S_ISBLK", lambda mode: True)
    options.lvm_devices = ["/dev/null", "/dev/zero"]
    (found,) = tools.lvm_devices(options)
    assert found.state == checks.OK
    assert found.text == "2 of [lvm] devices, all there"


@pytest.mark.parametrize("maps, state", [([], "ok"), (["/gone"], "bad")])
def test_multipath_devices(options, monkeypatch, maps, state):
    options.lvm_devices = []
    monkeypatch.setattr(devices, "multipath", lambda: maps)
    (found,) = tools.lvm_devices(options)
    assert found.state == state
    assert maps or "no block domain is looked for" in found.text


# sudo


def sudo(options, program):
    (found,) = tools.sudo(options, program, "/x/lvm")
    return found


@pytest.fixture
def as_vdsm(options):
    """This process is the user of the hooks, who is not root."""
    options.uid, options.gid = os.geteuid() or 36, os.getegid() or 36
    return options


def test_sudo_lets_vdsm_run_lvm(as_vdsm, program):
    script = '[ "$*" = "-n /x/lvm version" ]'
    assert sudo(as_vdsm, program(script)).state == checks.OK


def test_sudo_wants_a_password(as_vdsm, program):
    """`sudo -l` lists lvm then, too."""
    script = '[ "$2" = -l ] && exit; echo "a password is required" >&2; exit 1'
    found = sudo(as_vdsm, program(script))
    assert found.state == checks.BAD
    assert "a password is required" in found.text


def test_sudo_is_judged_for_vdsm(options, program, monkeypatch):
    """Of another user it says nothing."""
    options.uid = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    for script in ("exit 0", "exit 1"):
        found = sudo(options, program(script))
        assert (found.state, found.hint) == (checks.UNKNOWN, checks.AS_ROOT)


def test_hooks_that_are_root_need_no_sudo(options, tmp_path):
    options.uid = 0
    found = list(tools.sudo(options, str(tmp_path / "none")))
    assert states(found) == [checks.OK] or os.getuid() != 0

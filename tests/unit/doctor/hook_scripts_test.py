# SPDX-License-Identifier: GPL-2.0-or-later
"""Hooks that are not in place, or would not run."""

import os

import pytest

from tests import ROOT
from tests.support.doctoring import states
from vdsm_backup.doctor import checks, installed
from vdsm_backup.hooks import entry


@pytest.fixture
def directories(tmp_path):
    for point in [f"vdsm/{p}" for p in installed.POINTS] + ["libvirt/qemu.d"]:
        os.makedirs(tmp_path / point)
        path = tmp_path / point / installed.HOOK
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


def check_hooks(directories):
    return list(
        installed.hooks(
            str(directories / "vdsm"), str(directories / "libvirt")
        )
    )


def test_the_points_are_those_of_our_scripts():
    scripts = os.path.join(ROOT, "hooks")
    assert sorted([*installed.POINTS, "qemu.d"]) == sorted(os.listdir(scripts))
    for point in os.listdir(scripts):
        assert os.listdir(os.path.join(scripts, point)) == [installed.HOOK]
    assert set(installed.POINTS) == set(entry._VDSM_OPERATIONS)


def test_hooks_in_place(directories):
    assert states(check_hooks(directories)) == [checks.OK] * 5


@pytest.mark.parametrize("what", ["missing", "not executable"])
def test_a_hook_that_would_not_run(directories, what):
    path = directories / "vdsm" / "before_vm_start" / installed.HOOK
    if what == "missing":
        path.unlink()
    else:
        path.chmod(0o644)
    if what == "not executable" and os.access(path, os.X_OK):
        pytest.skip("this user may run what is not executable")
    found = check_hooks(directories)
    assert states(found) == [
        checks.BAD,
        *[checks.OK] * 4,
    ]
    assert str(path) in found[0].text
    assert found[0].hint == "make install-hooks"


def test_no_hooks_at_all(tmp_path):
    assert states(check_hooks(tmp_path)) == [checks.BAD] * 5


def test_a_hook_that_runs_after_ours(directories):
    (directories / "vdsm" / "before_vm_start" / "99_w").write_text("")
    found = check_hooks(directories)
    assert found[0].state == checks.NOTE
    assert "99_w" in found[0].text

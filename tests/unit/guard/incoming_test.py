# SPDX-License-Identifier: GPL-2.0-or-later
import os
import time

import pytest

from vdsm_backup.guard import incoming

VM = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def moving(tmp_path):
    return incoming.Incoming(str(tmp_path), VM)


def test_nobody_was_expected(moving):
    assert not moving.arrived()


def test_one_start_is_let_through(moving):
    moving.expect()
    assert moving.arrived()
    assert not moving.arrived()


def test_expected_twice(moving):
    moving.expect()
    moving.expect()
    assert moving.arrived()
    assert not moving.arrived()


def test_another_vm_is_not(moving, tmp_path):
    moving.expect()
    other = incoming.Incoming(str(tmp_path), VM.replace("0", "1"))
    assert not other.arrived()


@pytest.mark.parametrize("age", [-5, 2 * incoming.MAX_AGE])
def test_an_old_file_does_not_count(moving, tmp_path, age):
    moving.expect()
    when = time.time() - age
    os.utime(tmp_path / f"incoming-{VM}", (when, when))
    assert not moving.arrived()
    assert os.listdir(tmp_path) == []


def test_an_old_file_is_made_new(moving, tmp_path):
    moving.expect()
    os.utime(tmp_path / f"incoming-{VM}", (1, 1))
    moving.expect()
    assert moving.arrived()


@pytest.mark.parametrize("vm", ["", "../x", f"{VM}/x", VM.upper()])
def test_only_uuids_become_names(tmp_path, vm):
    strange = incoming.Incoming(str(tmp_path), vm)
    strange.expect()
    assert not strange.arrived()
    assert os.listdir(tmp_path) == []


def test_no_link_is_followed(moving, tmp_path):
    os.symlink("/nowhere", tmp_path / f"incoming-{VM}")
    with pytest.raises(OSError):
        moving.expect()


def test_no_run_dir(tmp_path):
    with pytest.raises(OSError):
        incoming.Incoming(str(tmp_path / "none"), VM).expect()

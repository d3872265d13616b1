# SPDX-License-Identifier: GPL-2.0-or-later
"""A test run that is killed leaves devices; the next one finds them."""

import json
import os
import subprocess

from tests.support import programs, rundir, stale
from tests.support.storage import loop
from tests.support.storage.blocktools import needs_block

pytestmark = needs_block


def test_devices_of_a_killed_run_are_detached():
    directory = rundir.make("loop")
    wwid = f"3600140502{os.getpid():022x}"
    programs.run("tests.support.killed_run", "block", directory, wwid)
    # Two PVs, and the LVs ids and leases.
    assert len(attached(directory)) == 4
    assert os.path.islink(f"/dev/mapper/{wwid}")
    loop.clean_stale(directory)
    assert attached(directory) == []
    assert not os.path.lexists(f"/dev/mapper/{wwid}")
    assert not os.path.lexists(f"/dev/mapper/{wwid}x")
    rundir.remove(directory)


def test_two_runs_that_clean_up_at_once(tmp_path):
    """What was seen a moment ago, the other one has removed."""
    stale.clean_directory(str(tmp_path / "users-gone"))


def test_device_that_another_run_detaches(monkeypatch, tmp_path):
    """losetup lists it, and has its file no more."""
    found = {"loopdevices": [{"name": "/dev/loop0", "back-file": None}]}
    monkeypatch.setattr(loop, "_run", lambda command: json.dumps(found))
    loop.clean_stale(str(tmp_path))


def test_device_that_goes_by_itself(monkeypatch):
    """Somebody had it open when it was detached, as an lvm of others has."""
    directory = rundir.make("loop")
    path = loop.make_file(os.path.join(directory, "lun"), 1024**2)
    device = loop.attach(path)
    detached = []
    with open(device, "rb"):
        loop.detach(device)
        assert attached(directory) == [path]
        monkeypatch.setattr(loop, "detach", detached.append)
        loop.clean_stale(directory)
    assert detached == []
    rundir.remove(directory)


def attached(directory):
    command = ["losetup", "--noheadings", "--list", "--output", "BACK-FILE"]
    files = subprocess.check_output(command, text=True).split("\n")
    return [path for path in files if path.startswith(directory)]

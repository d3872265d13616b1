# SPDX-License-Identifier: GPL-2.0-or-later
"""
The file of a permit as `permit` makes it, or another one in its place, and
what is found of it. A permit is root's, so these tests need root.
"""

import json
import os

import pytest

from vdsm_backup import errors
from vdsm_backup.guard import permit_files, permits

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="a permit is a file of root's"
)

HOUR = 3600

VM = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
OTHER = "1bd9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


def content(vm_id, **changed):
    """Of a permit for one hour from now on; None leaves a key out."""
    now = permits.now()
    values = {
        "schema": 1,
        "vm": vm_id,
        "reason": "the mail server, ticket 4711",
        "by": "root@host1",
        "made": "2026-11-29T02:00:00Z",
        "boot": permits.boot_id(),
        "begins": now,
        "ends": now + HOUR,
    }
    values.update(changed)
    return {k: v for k, v in values.items() if v is not None}


def expired(vm_id):
    """One of an hour that has ended a second ago."""
    now = permits.now()
    return content(vm_id, begins=now - HOUR - 1, ends=now - 1)


def write(directory, vm_id, values):
    """values: as content() makes them, or bytes. Returns the path."""
    directory = str(directory)
    os.makedirs(directory, exist_ok=True)
    path = permits.path_of(directory, vm_id)
    data = values if isinstance(values, bytes) else json.dumps(values).encode()
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o644)
    return path


def make(directory, vm_id=VM, seconds=HOUR):
    made, _ = permit_files.make(
        directory, vm_id, seconds, "the mail server", "root@host1"
    )
    return made


def why_not(directory, vm_id=VM):
    """Why the permit of a VM lifts nothing."""
    with pytest.raises(errors.PermitUnusable) as e:
        permits.find(directory, vm_id)
    assert e.value.vm_id == VM
    assert e.value.path == permits.path_of(directory, VM)
    return e.value.reason

# SPDX-License-Identifier: GPL-2.0-or-later
"""A bench that is killed leaves nothing that the next run does not end."""

import contextlib
import json
import os
import subprocess

import pytest

from tests.bench import saved
from tests.support import programs, rundir, stale
from tests.support.processes import namespace, proc
from tests.support.storage.blocktools import needs_block
from tests.support.waiting import wait_until
from vdsm_backup.host import mounts

# Seconds: until the bench has made the first of what it needs.
MAKING = 120

# And until the tools it has started have ended.
ENDING = 60

pytestmark = [
    pytest.mark.slow("the product and its storage are made first"),
    pytest.mark.skipif(
        bool(saved.missing()), reason=saved.missing() or "it is there"
    ),
    pytest.mark.skipif(
        bool(namespace.missing()), reason=namespace.missing() or "it is root"
    ),
]


def mounted(directory):
    return any(
        mount.point.startswith(directory + "/") for mount in mounts.table()
    )


def attached(directory):
    done = subprocess.run(
        ["losetup", "--json", "--list"], capture_output=True, text=True
    )
    return directory in json.dumps(json.loads(done.stdout or "{}"))


def directory_of(pid):
    """None: it has none yet, or others remove theirs just now."""
    names = os.listdir(rundir.BASE) if os.path.isdir(rundir.BASE) else []
    for name in (n for n in names if not n.startswith(".")):
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(rundir.BASE, name, "pid")) as f:
                if f.read().split()[0] == str(pid):
                    return os.path.join(rundir.BASE, name)
    return None


@pytest.mark.parametrize(
    "group, is_there",
    [
        ("hook", mounted),
        pytest.param("hook-block", attached, marks=needs_block),
    ],
)
def test_killed(group, is_there):
    options = {"stderr": subprocess.PIPE, "start_new_session": True}
    with programs.start("tests.bench", group, **options) as bench:
        directory = wait_until(lambda: directory_of(bench.pid), MAKING)
        wait_until(lambda: is_there(directory), MAKING)
        bench.kill()
        bench.communicate()
    # A tool it has just started goes on: a losetup, or an lvm that has the
    # device open. The next run does not come within its time.
    wait_until(lambda: not proc.of_session(bench.pid), ENDING)
    assert is_there(directory)
    assert directory in rundir.stale()
    stale.clean_directory(directory)
    assert not is_there(directory)
    assert not os.path.exists(directory)

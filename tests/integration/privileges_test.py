# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the kernel says of the processes that touch storage, where the tool was
started as root and works as vdsm.
"""

import json
import os
import subprocess

import pytest

from tests.support import programs, rundir
from tests.support.hooks.needs import needs_other_user
from tests.support.processes import proc
from tests.support.storage import filedomain
from vdsm_backup.processes import spawn

pytestmark = needs_other_user

NONE = "0" * 16


@pytest.fixture
def domain():
    """(mount, UUID), of vdsm."""
    mount = rundir.make("privileges")
    os.chown(mount, 36, 36)
    yield mount, filedomain.make(mount, owner=(36, 36))
    rundir.remove(mount)


@pytest.fixture(params=["python", "forked"])
def statuses(request, backend, domain):
    """By each way in which processes are started."""
    module = "tests.support.processes.statuses"
    done = programs.run(module, backend, *domain, request.param, check=True)
    return json.loads(done.stdout)


def require_unprivileged(status):
    assert status["Uid"].split() == status["Gid"].split() == ["36"] * 4
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert status[name] == NONE, name


def test_processes_of_a_change(statuses, backend):
    child = {"embedded": "worker", "installed": "ioprocess"}[backend]
    (root,) = statuses.pop("root")
    assert root["Uid"].split() == root["Gid"].split() == ["0"] * 4
    assert root["CapEff"] == root["CapPrm"] == proc.status("self")["CapPrm"]
    assert set(statuses) == {"writer", child, "script"}
    # One reads for the tool, one writes for the writer.
    assert len(statuses[child]) == 2
    for status in sum(statuses.values(), []):
        require_unprivileged(status)


def test_nothing_comes_back(statuses, backend):
    """By what a process runs: sudo, a program of root, its capabilities."""
    ours = statuses["writer"] + statuses["script"]
    if backend == "embedded":
        ours += statuses["worker"]
    for status in ours:
        assert status["NoNewPrivs"] == "1"
        assert status["CapBnd"] == NONE
        assert status["Groups"] == ""


def test_it_cannot_be_root_again():
    module = "tests.support.processes.root_again"
    assert programs.run(module, check=True).stdout.splitlines() == [
        "(36, 36, 36) (36, 36, 36) []",
        "True",
    ]


def test_a_user_that_is_no_root():
    """vdsm, as VDSM starts a hook: nothing to take, and sudo is out."""
    module = "tests.support.processes.own_status"
    done = subprocess.run(
        spawn.confined(module),
        stdout=subprocess.PIPE,
        user=36,
        group=36,
        extra_groups=[107],
        cwd="/",
    )
    status = json.loads(done.stdout)
    require_unprivileged(status)
    assert status["NoNewPrivs"] == "1"


def test_root_itself_keeps_the_files_of_others():
    """[storage] user = root."""
    module = "tests.support.processes.own_status"
    done = subprocess.run(spawn.confined(module), stdout=subprocess.PIPE)
    status = json.loads(done.stdout)
    # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
    of_files = f"{0b1110:016x}"
    assert status["CapEff"] == status["CapPrm"] == of_files
    assert status["CapBnd"] == of_files
    assert status["NoNewPrivs"] == "1"

# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel says of a child that was forked, and what it inherits."""

import contextlib
import json
import os

import pytest

from tests.support import programs
from tests.support.hooks.needs import needs_other_user
from tests.support.processes import forkingparent, proc

pytestmark = needs_other_user

# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
OF_FILES = f"{0b1110:016x}"
NONE = "0" * 16

# The real and the effective user of the parent.
USERS = {
    "root as vdsm": (0, 36),
    "vdsm": (36, 36),
    "root": (0, 0),
}


@contextlib.contextmanager
def child(user):
    """The pid of one that waits."""
    with programs.start(
        forkingparent.__name__, "waiting", *USERS[user]
    ) as parent:
        yield int(parent.stdout.readline())
        parent.stdin.close()
        assert parent.wait() == 0


@pytest.mark.parametrize("user", ["root as vdsm", "vdsm"])
def test_it_has_no_privileges(user):
    with child(user) as pid:
        status = proc.status(pid)
    assert status["Uid"].split() == status["Gid"].split() == ["36"] * 4
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert status[name] == NONE, name
    # Nor by what it runs, sudo for example.
    assert status["NoNewPrivs"] == "1"
    if user != "vdsm":
        # Only root can take these.
        assert status["CapBnd"] == NONE
        assert status["Groups"] == ""


def test_root_itself_keeps_the_files_of_others():
    """[storage] user = root."""
    with child("root") as pid:
        status = proc.status(pid)
    assert status["CapEff"] == status["CapPrm"] == OF_FILES
    assert status["CapBnd"] == OF_FILES
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("user", USERS)
def test_it_has_no_file_of_its_parent(user):
    with child(user) as pid:
        opened = {
            int(fd): os.readlink(f"/proc/{pid}/fd/{fd}")
            for fd in os.listdir(f"/proc/{pid}/fd")
        }
    standard = [opened.pop(fd) for fd in range(3)]
    assert standard == ["/dev/null"] * 3
    # Those that it was given.
    assert len(opened) == 2
    assert all(name.startswith("pipe:") for name in opened.values())


def test_a_caller_that_has_closed_the_standard_files():
    done = programs.run(forkingparent.__name__, "standard", check=True)
    assert set(json.loads(done.stdout).values()) == {"/dev/null"}


def test_it_is_in_nobodys_way():
    with child("root as vdsm") as pid:
        assert os.getsid(pid) == os.getpgid(pid) == pid
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        assert proc.name(pid) == forkingparent.NAME


def test_nothing_of_the_parent_goes_on_in_it():
    done = programs.run(forkingparent.__name__, "failing", check=True)
    assert done.stdout == "1\n"

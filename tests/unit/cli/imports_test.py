# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a command imports. Most of its time goes into imports, and a bridge and
scripts start commands all day: what a command does not need is not loaded.
"""

import pytest

from tests.support import programs
from tests.support.hooks.needs import needs_private_tmp
from tests.support.storage import filedomain

MODULE = "tests.support.processes.loaded_modules"

# Never: `dataclasses` imports `inspect`, and takes as long as Python to start.
SLOW = {"dataclasses", "inspect", "ast", "tokenize"}

# Only where something is shown or asked that most runs do not show or ask.
SELDOM = {
    "calendar",
    "configparser",
    "ctypes",
    "datetime",
    "glob",
    "logging",
    "random",
    "shutil",
    "tempfile",
    "traceback",
}

# What changes a domain.
CHANGING = {
    "vdsm_backup.change.change",
    "vdsm_backup.change.history",
    "vdsm_backup.cli.wiring",
    "vdsm_backup.lease.client",
}


def loaded_by(*args, codes=(0,)):
    """codes: exit codes, one of which the command must end with."""
    done = programs.run(MODULE, *args)
    assert done.returncode in codes, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_a_command_that_has_to_do_with_no_host():
    modules = loaded_by("explain", "960")
    assert "vdsm_backup.cli.explain" in modules
    assert not modules & CHANGING
    assert not modules & {
        "vdsm_backup.storage.discovery",
        "vdsm_backup.cli.list",
    }


def test_the_version():
    assert not loaded_by("--version") & (SLOW | SELDOM | {"typing"})


def test_list(host):
    host.domain()
    modules = loaded_by("--config", host.config, "list")
    assert "vdsm_backup.storage.file" in modules
    assert not modules & (SLOW | SELDOM | CHANGING)
    assert not modules & {"json", "subprocess", "typing"}
    assert "vdsm_backup.lvm.vgs" not in modules


def test_show(host):
    sd_id = host.domain()
    modules = loaded_by("--config", host.config, "show", sd_id)
    assert "vdsm_backup.users.users" in modules
    assert not modules & (SLOW | SELDOM | CHANGING)


@pytest.mark.parametrize("command", [["history", "--all"], ["log"]])
def test_what_this_host_has_kept(host, command):
    # 3: a machine may have no journal.
    modules = loaded_by("--config", host.config, *command, codes=(0, 3))
    assert CHANGING & modules == {"vdsm_backup.change.history"}
    assert not modules & SLOW


@needs_private_tmp
@pytest.mark.parametrize("command", ["set", "clear", "reseal"])
def test_a_change(host, command):
    """Of a domain that is detached: VDSM is not asked."""
    sd_id = host.domain(TYPE="LOCALFS", BACKUP=str(command == "clear"))
    if command == "reseal":
        by_hand = host.bytes(sd_id).replace(b"=data1", b"=data2")
        filedomain.put_bytes(host.mount, sd_id, by_hand)
    args = ["--config", host.config, command, sd_id, "--reason", "tests"]
    before = host.bytes(sd_id)
    modules = loaded_by(*args)
    assert host.bytes(sd_id) != before
    assert CHANGING <= modules
    # reseal looks whether VDSM runs, which may have the domain active.
    looks = (
        {"configparser", "glob", "shutil"} if command == "reseal" else set()
    )
    assert not modules & (SLOW | (SELDOM - looks))
    # Only who has to say why a change has failed looks so closely.
    assert "vdsm_backup.verify.domains" not in modules

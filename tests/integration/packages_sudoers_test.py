# SPDX-License-Identifier: GPL-2.0-or-later
"""The example of sudo's rules lets its group do what it says, by sudo."""

import os
import shutil
import subprocess

import pytest

from tests import ROOT
from tests.support.processes.namespace import needs_namespace

pytest_plugins = ["tests.support.packages.packagefixtures"]
pytestmark = [
    needs_namespace,
    pytest.mark.skipif(
        shutil.which("visudo") is None, reason="sudo is not here"
    ),
]

EXAMPLES = os.path.join(ROOT, "contrib", "sudoers.d")
RULES = os.path.join(EXAMPLES, "vdsm-backup-admins")
COMMAND = "/usr/bin/vdsm-backup-domain"


@pytest.mark.parametrize("name", os.listdir(EXAMPLES))
def test_visudo(name):
    done = subprocess.run(
        ["visudo", "-cf", os.path.join(EXAMPLES, name)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def may(scratch_machine):
    """may(user, *args): whether sudo lets the user run the command."""
    machine = scratch_machine
    with open(RULES) as f:
        machine.put("/etc/sudoers.d/vdsm-backup-admins", f.read())
    machine.put("/etc/sudoers", "@includedir /etc/sudoers.d\n")
    machine.put("/etc/pam.d/sudo", "account required pam_permit.so\n")
    machine.put("/etc/hosts", f"127.0.0.1 {os.uname().nodename}\n")
    machine.put(COMMAND, "#!/bin/sh\n")
    machine.sh(
        f"""
        chmod 755 {COMMAND}
        chmod 440 /etc/sudoers /etc/sudoers.d/*
        echo backup-admins:x:99: >>/etc/group
        echo others:x:98: >>/etc/group
        echo member:x:99:99::/:/bin/sh >>/etc/passwd
        echo other:x:98:98::/:/bin/sh >>/etc/passwd
        """
    )

    def ask(user, *args):
        return machine.run("sudo", "-l", "-U", user, COMMAND, *args)

    return lambda user, *args: ask(user, *args).returncode == 0


ALLOWED = [
    ("list",),
    ("list", "--json"),
    ("show", "backups"),
    ("verify", "backups"),
    ("doctor",),
    ("set", "backups", "--reason", "nightly copies", "--dry-run"),
    ("clear", "backups", "--reason", "no longer used", "--debug"),
]
REFUSED = [
    (),
    ("permit", "--vm", "x"),
    ("restore", "backups", "--file", "x"),
    ("history", "backups", "--export", "1"),
    ("--config", "x", "list"),
    ("list", "--config", "x"),
    ("list", "--c=x"),
    ("show", "--path", "/x"),
    ("show", "--dev", "/x"),
    ("set", "backups", "--reason", "x", "--pool-is-gone"),
    ("set", "backups", "--reason", "x", "--acc"),
    ("clear", "backups", "--reason", "x", "--despite-open-images"),
]


def test_members_may_do_this(may):
    assert [args for args in ALLOWED if not may("member", *args)] == []


def test_members_may_not_do_that(may):
    assert [args for args in REFUSED if may("member", *args)] == []


def test_others_may_do_nothing(may):
    assert [args for args in ALLOWED + REFUSED if may("other", *args)] == []

# SPDX-License-Identifier: GPL-2.0-or-later
"""
libvirt's hook where the package is not what it should be: whatever the answer
is, the journal has a word of it.
"""

import os
import subprocess
import sys

import pytest

from tests.support.hooks import scriptbeside
from tests.support.hooks.hookrunner import NAME, SCRIPTS
from tests.support.hooks.needs import VDSM, needs_other_user
from tests.support.processes.namespace import (
    Namespace,
    Syslog,
    needs_namespace,
)

pytestmark = [needs_other_user, needs_namespace]

SCRIPT = os.path.join(SCRIPTS, "qemu.d", NAME)
ERR = 3


@pytest.fixture
def log(run_dir):
    """Of what the hook says by syslog(3) in the namespace `ns`."""
    with Namespace() as ns:
        log = Syslog(run_dir)
        ns.own_dev()
        log.put_into(ns)
        log.ns = ns
        yield log
        log.close()


def put(run_dir, *names, text=""):
    """Files of the package; a name that ends with a slash is a directory."""
    for name in names:
        path = os.path.join(run_dir, "vdsm_backup", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.basename(path):
            with open(path, "w") as f:
                f.write(text)


def run(run_dir, log, operation="prepare", user=None):
    python = [sys.executable, "-IBS", scriptbeside.__file__, run_dir]
    return subprocess.run(
        [*log.ns.enter(user), *python, SCRIPT, "web1", operation, "begin"],
        capture_output=True,
        text=True,
    )


def said(log):
    ((_, priority, who, text),) = log.lines()
    assert (priority, who) == (ERR, "vdsm-backup-domain")
    return text


# What an upgrade or a removal leaves behind.
GONE = {
    "nothing": (),
    "directory": ("",),
    "directories": ("hooks/", "guard/__pycache__/x.pyc"),
    "data": ("notes.txt", "hooks/notes.txt"),
}


@pytest.mark.parametrize("operation", ["prepare", "start", "migrate"])
@pytest.mark.parametrize("names", GONE.values(), ids=GONE)
def test_a_leftover_lets_go_on_and_says_so(run_dir, log, names, operation):
    put(run_dir, *names)
    done = run(run_dir, log, operation)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    text = said(log)
    assert text.startswith("Not judged: VM 'web1': the package vdsm_backup is")
    assert "is not installed" in text
    assert SCRIPT in text


# What is there of a package that is broken: it is no leftover.
BROKEN = {
    "no hooks": ("__init__.py",),
    "no head": ("guard/policy.py",),
    "no entry": ("__init__.py", "hooks/__init__.py"),
    "empty entry": ("__init__.py", "hooks/__init__.py", "hooks/entry.py"),
}


@pytest.mark.parametrize("names", BROKEN.values(), ids=BROKEN)
def test_a_broken_package_refuses_and_says_so(run_dir, log, names):
    put(run_dir, *names)
    done = run(run_dir, log)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(" (error 999)\n")
    assert "?" not in done.stderr
    text = said(log)
    assert text.startswith("Refused: VM 'web1': the package vdsm_backup ")
    assert "cannot be loaded" in text


@pytest.mark.parametrize(
    "text", ["from vdsm_backup import config", "import vdsm_backup.config"]
)
def test_a_module_of_the_package_that_is_missing(run_dir, log, text):
    """The error names the package, which is there all the same."""
    put(run_dir, "__init__.py", "hooks/__init__.py")
    put(run_dir, "hooks/entry.py", text=text)
    assert run(run_dir, log).returncode == 1
    assert "cannot be loaded" in said(log)


def test_a_session_goes_on_and_it_is_said(run_dir, log):
    put(run_dir, "__init__.py")
    done = run(run_dir, log, user=VDSM)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert said(log).startswith("Not judged: VM 'web1': the package ")

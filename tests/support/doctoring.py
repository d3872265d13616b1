# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of doctor share."""

from vdsm_backup.doctor import (
    hook_scripts,
    installed,
    journal_storage,
    killed_runs,
    launcher,
    libvirt,
    running,
    tools,
)
from vdsm_backup.doctor.checks import OK, Finding

# Checks of the machine that the tests run on, whatever it is.
_OF_THE_MACHINE = (
    (hook_scripts, "check"),
    (installed, "package"),
    (journal_storage, "check"),
    (launcher, "check"),
    (launcher, "reloaded"),
    (libvirt, "answers"),
    (libvirt, "daemon"),
    (running, "plugin"),
    (running, "sanlock"),
    (tools, "ioprocess"),
    (tools, "lvm_devices"),
    (tools, "sudo"),
)


def states(findings):
    return [found.state for found in findings]


def make_well(monkeypatch):
    """Let this machine be a host on which all is well."""

    def well(*args):
        yield Finding("anything", OK, "fine")

    for module, name in _OF_THE_MACHINE:
        monkeypatch.setattr(module, name, well)
    monkeypatch.setattr(libvirt, "count", lambda: 0)
    left = killed_runs.Left([], {}, "", "", False)
    monkeypatch.setattr(killed_runs, "ask", lambda run_dir: left)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a hook imports. It is a process on the way of every start of a VM, and
these modules take longer to import than all of our own.
"""

import os
import subprocess
import sys

import pytest

from tests import ROOT
from tests.support.hooks import hookrunner, importone, importtrace, vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.hookrunner import POINTS

pytest_plugins = ["tests.support.hooks.hookfixtures"]

# `inspect`, which `dataclasses` imports, imports the others.
SLOW = {"dataclasses", "inspect", "typing", "ast", "dis", "tokenize"}

BARE = [sys.executable, "-I", "-S", "-X", "utf8"]


class Trace:
    """
    as_user: what runs a hook, see hookrunner.vdsm(). importers(): of the
    modules that the hook has loaded, who imported each.
    """

    def __init__(self, directory):
        self._output = os.path.join(directory, "modules")
        self.as_user = [*BARE, importtrace.__file__, ROOT, self._output]

    def importers(self):
        with open(self._output) as f:
            return dict(line.split() for line in f)


@pytest.fixture
def trace(tmp_path):
    return Trace(tmp_path)


def from_vdsm(point):
    def run(guarded_host, disk, as_user):
        whole = point != "before_disk_hotplug"
        data = vmxml.vm(disk) if whole else disk.encode()
        return guarded_host.vdsm(point, data, vm_id=vmxml.VM, as_user=as_user)

    return run


def from_libvirt(operation):
    def run(guarded_host, disk, as_user):
        return guarded_host.libvirt(operation, vmxml.vm(disk), as_user=as_user)

    return run


WAYS = {
    **{point: from_vdsm(point) for point in POINTS},
    "prepare": from_libvirt("prepare"),
    "start": from_libvirt("start"),
    "migrate": from_libvirt("migrate"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("flag", ["True", "False"])
def test_a_hook_loads_nothing_slow(guarded_host, domain, trace, way, flag):
    """With a file domain and a block domain, until it has answered."""
    domain.flag(flag)
    outcome = WAYS[way](guarded_host, domain.disk(), trace.as_user)
    if flag == "True":
        assert_refused(outcome, 994)
    else:
        assert_allowed(outcome)
    importers = trace.importers()
    reader = {"file": "fileio.choose", "block": "lvm.vgs"}[domain.kind]
    assert {
        "vdsm_backup.hooks.entry",
        "vdsm_backup.hooks.answer",
        f"vdsm_backup.storage.{domain.kind}",
        f"vdsm_backup.{reader}",
    } <= set(importers)
    assert slow(importers) == {}
    # It makes and lists permits; a hook only looks for one.
    assert "vdsm_backup.guard.permits" in importers
    assert "vdsm_backup.guard.permit_files" not in importers


def slow(importers):
    return {name: by for name, by in importers.items() if name in SLOW}


# Modules that a hook starts as processes, and waits for.
CHILDREN = [
    "vdsm_backup.fileio.reader",
    "vdsm_backup.fileio.worker",
    "vdsm_backup.vm.resolve_links",
]


@pytest.mark.parametrize("child", CHILDREN)
def test_what_a_hook_waits_for_loads_nothing_slow(child):
    command = [*BARE, importone.__file__, ROOT, child]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert child in loaded
    assert loaded & SLOW == set()


@pytest.mark.parametrize("module", sorted(SLOW))
def test_a_slow_import_is_seen(trace, tmp_path, module):
    """So that the tests above do not pass because nothing is told."""
    text = f"import {module}, os\nos._exit(0)\n"
    hookrunner.add(str(tmp_path), "before_vm_start", hookrunner.NAME, text)
    outcome = hookrunner.vdsm(
        str(tmp_path), "before_vm_start", b"", as_user=trace.as_user
    )
    assert_allowed(outcome)
    assert slow(trace.importers())[module] == "__main__"

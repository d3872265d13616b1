# SPDX-License-Identifier: GPL-2.0-or-later
"""
Nothing of a hook's environment matters but the two things that VDSM sets:
the custom properties of a VM overwrite it, and any user of the VM may set
them.
"""

import os
import sys

import pytest

from tests.support.hooks import vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.hookrunner import POINTS
from tests.support.hooks.vmxml import VM
from tests.support.processes.namespace import (
    Journal,
    Namespace,
    needs_namespace,
)
from tests.support.storage import loop

pytest_plugins = ["tests.support.hooks.hookfixtures"]


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """A directory with code, and tools, that must never run."""
    path = tmp_path_factory.mktemp("evil")
    ran = path / "ran"
    code = f"open({str(ran)!r}, 'w'); import os; os._exit(0)\n"
    modules = "os json socket sitecustomize usercustomize vdsm_backup sanlock"
    for name in modules.split():
        (path / f"{name}.py").write_text(code)
    (path / "ioprocess.py").write_text(code)
    for name in "python3 lvm sudo env sh ioprocess taskset nice".split():
        (path / name).write_text(f"#!/bin/sh\necho > {ran}\nexit 0\n")
        (path / name).chmod(0o755)
    site = f".local/lib/python3.{sys.version_info[1]}/site-packages"
    (path / site).mkdir(parents=True)
    (path / site / "x.pth").write_text(f"import sys; {code}")
    (path / "lvm.conf").write_text("devices { broken\n")
    yield path
    assert not ran.exists()


@pytest.fixture
def properties(evil):
    d = str(evil)
    return {
        "PATH": d,
        "PYTHONPATH": d,
        "PYTHONHOME": d,
        "PYTHONSTARTUP": f"{d}/os.py",
        "PYTHONUSERBASE": f"{d}/.local",
        "PYTHONINSPECT": "1",
        "PYTHONPLATLIBDIR": d,
        "PYTHONWARNINGS": "error",
        "PYTHONDEVMODE": "1",
        "PYTHONVERBOSE": "3",
        "PYTHONIOENCODING": "utf-16",
        "HOME": d,
        "TMPDIR": d,
        "LVM_SYSTEM_DIR": d,
        "LVM_BINARY": f"{d}/lvm",
        "LVM_SUPPRESS_FD_WARNINGS": "no",
        "SANLOCK_RUN_DIR": d,
        "LC_ALL": "tr_TR.UTF-8",
        "LANGUAGE": "de",
        "IFS": "/",
        "vmId": "$(reboot)",
        "_hook_domxml": "/dev/zero",
        "_hook_json": "/etc/passwd",
        "mode": "disabled",
        "VDSM_BACKUP_MODE": "disabled",
        "a=b": "c\n\x1b[2J",
        "empty": "",
    }


@pytest.mark.parametrize("point", POINTS)
def test_custom_properties(guarded_host, domain, properties, point):
    data = domain.disk().encode()
    if point != "before_disk_hotplug":
        data = vmxml.vm(domain.disk())
    del properties["a=b"]
    for value, check in (("True", refused), ("False", assert_allowed)):
        domain.flag(value)
        check(guarded_host.vdsm(point, data, vm_id=VM, custom=properties))


def refused(outcome):
    assert_refused(outcome, 994)


@pytest.mark.parametrize(
    "vm_id", ["", "$(reboot)", "../../x", "x\n(error 1)", VM + "\n", "é" * 99]
)
def test_vm_id(guarded_host, nfs, vm_id):
    """A hot plug has no other name for the VM; no such id is shown."""
    nfs.flag("True")
    data = nfs.disk().encode()
    outcome = guarded_host.vdsm(
        "before_disk_hotplug", data, custom={"vmId": vm_id}
    )
    assert_refused(outcome, 994)
    assert outcome.err.startswith("VM unknown cannot plug in a disk: disk vda")


def test_vm_id_does_not_find_launch_flags(guarded_host, nfs, tmp_path):
    """The id in the XML does, and a path of it finds nothing."""
    nfs.flag("True")
    (tmp_path / "launchflags").write_text("0")
    data = vmxml.vm(nfs.disk(), live=True, uuid=str(tmp_path))
    outcome = guarded_host.start(data)
    assert_refused(outcome, 994)


@needs_namespace
def test_the_journal_is_told_no_such_id(hook_dir, guarded_host, nfs):
    nfs.flag("True")
    log = Journal(os.path.join(hook_dir, "journal"))
    with Namespace() as ns:
        log.put_into(ns)
        guarded_host.vdsm(
            "before_disk_hotplug",
            nfs.disk().encode(),
            custom={"vmId": "x\nPRIORITY=0"},
            as_user=ns.enter(),
        )
    (entry,) = log.entries()
    log.close()
    assert entry["PRIORITY"] == "4"
    assert entry.get("VDSM_BACKUP_VM_ID", "") == ""


@pytest.mark.skipif(bool(loop.missing()), reason=loop.missing() or "loop")
def test_lvm_has_the_configuration_of_the_host(guarded_host, san, evil):
    """Not that of the caller, whose lvm.conf is broken here."""
    san.flag("True")
    data = vmxml.vm(san.disk())
    custom = {"LVM_SYSTEM_DIR": str(evil)}
    assert_refused(guarded_host.start(data, custom=custom), 994)


# Each made a guard that could read nothing, or a host without block domains.
SETTINGS = [
    'log { prefix = "x" }',
    "report { compact_output = 1 }",
    "report { binary_values_as_numeric = 1 }",
    'report { list_item_separator = ";" }',
    "devices { pv_min_size = 99999999 }",
]


@needs_namespace
@pytest.mark.skipif(bool(loop.missing()), reason=loop.missing() or "loop")
@pytest.mark.parametrize("setting", SETTINGS)
def test_lvm_answers_whatever_the_host_has_set(
    guarded_host, san, tmp_path, setting
):
    (tmp_path / "lvm.conf").write_text(setting + "\n")
    data = vmxml.vm(san.disk())
    with Namespace() as ns:
        ns.bind(str(tmp_path / "lvm.conf"), "/etc/lvm/lvm.conf")
        for value, check in (("True", refused), ("False", assert_allowed)):
            san.flag(value)
            check(guarded_host.start(data, as_user=ns.enter()))


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_standard_files_that_are_closed(guarded_host, nfs, closed):
    """A caller that has closed them changes no answer."""
    redirect = " ".join(f"{fd}>&-" for fd in closed)
    shell = ["sh", "-c", f'exec "$@" {redirect}', "sh"]
    data = vmxml.vm(nfs.disk())
    for value, code in (("True", 2), ("False", 0)):
        nfs.flag(value)
        outcome = guarded_host.start(data, as_user=shell)
        assert outcome.out == ""
        if outcome.code != code:
            pytest.fail(str(outcome))

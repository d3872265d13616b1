# SPDX-License-Identifier: GPL-2.0-or-later
"""doctor where a real libvirtd runs, is older than its hook, or is stopped."""

import json
import os
import time

import pytest

from tests.support import programs
from tests.support.hooks.needs import needs_other_user
from tests.support.libvirt.daemon import vm
from tests.support.libvirt.needs import needs_libvirtd
from tests.support.waiting import wait_until

pytest_plugins = ["tests.support.libvirt.fixtures"]
pytestmark = [needs_other_user, needs_libvirtd]


@pytest.fixture
def doctor(libvirtd, libvirt_host):
    """{name: (state, text)}; of several the worst, which is the last."""

    def doctor():
        done = programs.run(
            "vdsm_backup",
            "--config",
            libvirt_host.cli.config,
            "--json",
            "doctor",
            inside=libvirtd.inside(),
        )
        assert done.stderr == ""
        checks = json.loads(done.stdout)["checks"]
        return {c["name"]: (c["state"], c["text"]) for c in checks}

    return doctor


def test_a_vm_runs_from_a_flagged_domain(doctor, libvirtd, backups):
    libvirtd.start(vm(backups.disk()))
    found = doctor()
    assert found["libvirt"][0] == "ok"
    assert found["VMs"][0] == "ok"
    backups.flag("True")
    state, text = doctor()["VMs"]
    assert (state, "VM web1 (disk vda)" in text) == ("bad", True)


def test_no_vm_runs_from_a_flagged_domain(doctor, libvirtd, backups):
    backups.flag("True")
    state, text = doctor()["VMs"]
    assert (state, text[:17]) == ("ok", "none of this host"), text


def test_the_hook_is_newer_than_libvirtd(doctor, libvirtd):
    hook = os.path.join(libvirtd.path("etc"), "hooks/qemu.d/99_vdsm_backup")
    began = time.time()
    wait_until(lambda: is_later(hook, began))
    state, text = doctor()["libvirt daemon"]
    assert (state, "may not run 99_vdsm_backup" in text) == ("unknown", True)
    libvirtd.restart()
    assert "libvirt daemon" not in doctor()


def is_later(hook, began):
    """Changes the hook; says whether it is later by a second at least."""
    os.chmod(hook, 0o755)
    return os.stat(hook).st_ctime > began + 3


def test_libvirtd_is_stopped(doctor, libvirtd, backups):
    backups.flag("True")
    libvirtd.stop()
    found = doctor()
    for name in ("libvirt", "VMs"):
        state, text = found[name]
        assert (state, "is not known: VMs of this" in text) == (
            "unknown",
            True,
        )
    libvirtd.restart()
    assert doctor()["VMs"][0] == "ok"

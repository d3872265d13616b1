# SPDX-License-Identifier: GPL-2.0-or-later
"""
libguestfs on a flagged domain, as VDSM uses it to seal and to sparsify: its
appliance is a VM with the disk in it, which is no VM that runs from there. By
both of its back ends: libvirt, in a session of vdsm as on EL, and direct.

Neither libguestfs nor the kernel that it needs is small, so `make setup` does
not install them: apt-get install guestfish linux-image-amd64.
"""

import glob
import shutil

import pytest

from tests.support.hooks.needs import needs_other_user
from tests.support.libvirt import daemon
from tests.support.libvirt.needs import needs_libvirtd

pytest_plugins = ["tests.support.libvirt.fixtures"]


def missing():
    if not shutil.which("guestfish"):
        return "no libguestfs: guestfish is not installed"
    if not glob.glob("/boot/vmlinu*"):
        return "libguestfs has no kernel: none is in /boot"
    return ""


pytestmark = [
    needs_other_user,
    needs_libvirtd,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.slow("a kernel boots that is emulated"),
]


@pytest.fixture(scope="module")
def session(libvirt_host):
    with daemon.Libvirtd(libvirt_host.hooks, session=True) as libvirtd:
        yield libvirtd


@pytest.mark.parametrize("backend", ["direct", "libvirt"])
def test_an_appliance_on_a_flagged_domain(session, backups, backend):
    backups.flag("True")
    if backend == "libvirt":
        backend = f"libvirt:{session.uri}"
    said = session.run(
        *session.command("guestfish", LIBGUESTFS_BACKEND=backend),
        *("--rw", "--format=qcow2", "-a", backups.path),
        *("run", ":", "list-devices"),
    )
    # There may be warnings before.
    assert said.splitlines()[-1] == "/dev/sda"
    if backend == "direct":
        # No libvirt, no hook.
        assert session.journal.entries() == []
        return
    (entry,) = session.journal.entries()
    assert "in a session of libvirt of user 36" in entry["MESSAGE"]
    assert entry["VDSM_BACKUP_VM"].startswith("VM guestfs-")

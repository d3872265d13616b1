# SPDX-License-Identifier: GPL-2.0-or-later
"""
libvirt's hook as a real libvirtd calls it, for VMs that a real qemu runs.
"""

import os
import signal

import pytest

from tests.support import programs, rundir
from tests.support.hooks.hookhost import assert_line
from tests.support.hooks.needs import VDSM, needs_other_user
from tests.support.libvirt import daemon, images
from tests.support.libvirt.daemon import Refused, vm
from tests.support.libvirt.needs import needs_libvirtd
from tests.support.processes import island, proc
from tests.support.waiting import wait_until

pytest_plugins = ["tests.support.libvirt.fixtures"]
pytestmark = [needs_other_user, needs_libvirtd]


def assert_refused(call, *args, code=994):
    """libvirt's error ends with our line, which is what users see."""
    with pytest.raises(Refused) as e:
        call(*args)
    _, _, text = str(e.value).partition("unexpected exit status 2: ")
    assert_line(text, code)
    return text


def test_start(libvirtd, backups):
    libvirtd.start(vm(backups.disk()))
    assert libvirtd.operations() == ["prepare", "start", "started"]
    assert libvirtd.states() == {"web1": True}
    assert libvirtd.journal.entries() == []


def test_start_on_a_flagged_domain(libvirtd, backups):
    backups.flag("True")
    text = assert_refused(libvirtd.start, vm(backups.disk()))
    assert text == (
        "VM web1 cannot start: disk vda is on backup domain backups (set by"
        " admin@host1: nightly copies of site A) (error 994); copy the disk"
        " elsewhere"
    )
    assert "start" not in libvirtd.operations()
    assert libvirtd.states() == {"web1": False}
    (entry,) = libvirtd.journal.entries()
    assert entry["VDSM_BACKUP_ANSWER"] == "refused"


def test_a_chain_that_only_a_header_knows(libvirtd, backups, vms):
    top = images.make(images.volume(vms), backups.path)
    data = vm(vms.disk().replace(vms.path, top))
    backups.flag("True")
    text = assert_refused(libvirtd.start, data)
    assert "disk vda is on backup domain backups" in text
    # libvirt has read the header in between.
    assert backups.path not in libvirtd.xml("prepare")
    assert backups.path in libvirtd.xml("start")
    assert "started" not in libvirtd.operations()
    assert libvirtd.states() == {"web1": False}
    backups.flag("False")
    libvirtd.start(data)
    assert libvirtd.states() == {"web1": True}


def test_permissive(libvirtd, libvirt_host, backups):
    backups.flag("True")
    libvirt_host.guard(mode="permissive")
    try:
        libvirtd.start(vm(backups.disk()))
    finally:
        libvirt_host.guard()
    # At "prepare", and at "start".
    told = [e["VDSM_BACKUP_ANSWER"] for e in libvirtd.journal.entries()]
    assert told == ["allowed", "allowed"]


def test_a_flag_that_cannot_be_read(libvirtd, backups):
    backups.flag("maybe")
    text = assert_refused(libvirtd.start, vm(backups.disk()), code=995)
    assert "not because it is flagged" in text
    assert text.endswith("neither True nor False (error 995: 966)")


def test_managed_save(libvirtd, backups):
    libvirtd.start(vm(backups.disk()))
    libvirtd.managed_save()
    backups.flag("True")
    assert_refused(libvirtd.start_again)
    assert libvirtd.states() == {"web1": False}
    # What was saved is still there.
    backups.flag("False")
    libvirtd.start_again()
    assert libvirtd.operations()[-4:] == [
        "restore",
        "prepare",
        "start",
        "started",
    ]


def test_restore(libvirtd, backups):
    libvirtd.start(vm(backups.disk()))
    path = libvirtd.path("saved")
    libvirtd.save(path)
    backups.flag("True")
    assert_refused(libvirtd.restore, path)
    assert libvirtd.states() == {"web1": False}
    backups.flag("False")
    libvirtd.restore(path)
    assert libvirtd.states() == {"web1": True}


def test_a_vm_that_runs_is_never_refused(libvirtd, backups):
    """Not even when libvirt comes back to it, and would end it for that."""
    libvirtd.start(vm(backups.disk()))
    backups.flag("True")
    libvirtd.restart()
    wait_until(lambda: libvirtd.operations()[-1] == "reconnect")
    assert libvirtd.states() == {"web1": True}


def test_migration(libvirtd, libvirt_host, backups):
    """Where the domain has been flagged, it is refused; the VM runs on."""
    libvirtd.start(vm(backups.disk()))
    with daemon.Libvirtd(libvirt_host.hooks) as other:
        backups.flag("True")
        text = assert_refused(libvirtd.migrate, other)
        assert text.startswith("VM web1 cannot migrate here: disk vda is on")
        assert other.states() == {}
        assert libvirtd.states() == {"web1": True}
        backups.flag("False")
        libvirtd.migrate(other)
        assert other.states() == {"web1": True}
        assert libvirtd.states() == {"web1": False}
        begun = ["migrate", "prepare", "start", "started"]
        assert [o for o in other.operations() if o in begun][-4:] == begun


def test_a_directory_that_is_closed_to_vdsm(libvirtd, backups, run_dir):
    """A second mount of the domain, below what only root may enter."""
    closed = os.path.join(run_dir, "closed")
    second = os.path.join(closed, "mount")
    os.makedirs(second)
    os.chmod(closed, 0o700)
    libvirtd.run("mount", "--bind", backups.mount, second)
    disk = backups.disk().replace(backups.mount, second)
    backups.flag("True")
    assert_refused(libvirtd.start, vm(disk))


def test_a_session_of_vdsm(libvirt_host, backups):
    """libguestfs starts its appliance in one: it goes on, and once is told."""
    backups.flag("True")
    with daemon.Libvirtd(libvirt_host.hooks, session=True) as libvirtd:
        libvirtd.start(vm(backups.disk()))
        assert libvirtd.operations() == ["prepare", "start", "started"]
        (entry,) = libvirtd.journal.entries()
        assert entry["MESSAGE"] == (
            "Not judged: VM web1, in a session of libvirt of user"
            f" {VDSM[0]}"
        )


def test_a_test_run_that_is_killed_leaves_nothing(libvirt_host):
    done = programs.run(
        "tests.support.killed_run", "libvirtd", libvirt_host.hooks
    )
    assert done.returncode == -signal.SIGKILL
    path = done.stdout.strip()
    # All that is there ends with the first process.
    with open(os.path.join(path, "first")) as f:
        first, _ = f.read().split()
    wait_until(lambda: proc.state(int(first)) in ("", "Z"))
    assert path in rundir.stale()
    island.clean_stale(path)
    rundir.remove(path)

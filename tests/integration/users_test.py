# SPDX-License-Identifier: GPL-2.0-or-later
"""Users of a domain by the locks of a real qemu."""

import os
import subprocess
import threading
import time

import pytest

from tests.support import programs
from tests.support.hooks.needs import needs_fuse, needs_other_user
from tests.support.processes import qemu
from tests.support.storage import hangfs
from tests.support.waiting import RUNS_OUT, wait_until
from vdsm_backup.users import image_locks, users

SD = "2f6d9d54-5d0c-4f8b-9c1e-6a9a6ff0d001"
IMG = "9b8f5a5e-7a6b-4c5d-8e9f-000000000001"
IMG2 = "9b8f5a5e-7a6b-4c5d-8e9f-000000000002"
VOL = "3c1a7a80-1111-4222-8333-000000000001"
VOL2 = "3c1a7a80-1111-4222-8333-000000000002"
WRITING = "is open for writing by qemu: a VM or a transfer"
READING = "is open for reading by qemu"

# VMs are not the matter here: a host that has none, or no libvirt.
URI = "test:///default"

pytestmark = pytest.mark.skipif(
    bool(qemu.missing()), reason=qemu.missing() or "qemu is here"
)


@pytest.fixture
def domain(run_dir):
    path = os.path.join(run_dir, SD)
    for image in (IMG, IMG2):
        os.makedirs(os.path.join(path, "images", image))
        for volume in (VOL, VOL2):
            with open(volume_path(path, image, volume), "wb") as f:
                f.truncate(1024**2)
    return path


def volume_path(domain, image, volume):
    return os.path.join(domain, "images", image, volume)


def find(domain, timeout=20):
    found = users.find(SD, "file", domain, None, timeout, URI)
    found.notes = [note for note in found.notes if "libvirt" not in note]
    return found


def test_disks_of_a_vm(run_dir, domain):
    base = volume_path(domain, IMG, VOL)
    top = volume_path(domain, IMG, VOL2)
    cdrom = volume_path(domain, IMG2, VOL)
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2"]
        + ["-b", base, "-F", "raw", top],
        check=True,
    )
    drives = [
        f"file={top},format=qcow2,if=virtio",
        f"file={cdrom},format=raw,if=ide,media=cdrom",
    ]
    with qemu.vm(run_dir, *drives):
        found = find(domain)
        assert found.images == [f"image {IMG}/{VOL2} {WRITING}"]
        assert found.blocking == []
        assert found.notes[:2] == [
            f"image {IMG}/{VOL} {READING}",
            f"image {IMG2}/{VOL} {READING}",
        ]
    found = find(domain)
    assert (found.images, found.notes) == ([], [])


@pytest.mark.parametrize("read_only", [False, True])
def test_a_qemu_that_is_no_vm(run_dir, domain, read_only):
    path = volume_path(domain, IMG2, VOL)
    with qemu.hold(run_dir, path, read_only=read_only):
        found = find(domain)
    text = f"image {IMG2}/{VOL}"
    assert found.images == ([] if read_only else [f"{text} {WRITING}"])
    assert (f"{text} {READING}" in found.notes) == read_only


def test_the_probe_does_not_disturb_qemu(run_dir, domain):
    """VMs start while we look, and have their locks after it."""
    path = volume_path(domain, IMG, VOL)
    stop = threading.Event()

    def look():
        while not stop.is_set():
            image_locks.image_use(os.path.dirname(path))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(3):
            with qemu.vm(run_dir, f"file={path},format=raw,if=virtio"):
                second = subprocess.run(
                    ["qemu-io", "-f", "raw", "-c", "q", path],
                    capture_output=True,
                )
                assert b'Failed to get "write" lock' in second.stderr
    finally:
        stop.set()
        looking.join()


@needs_fuse
@pytest.mark.parametrize("op", ["open", "readdir"])
def test_storage_that_hangs(run_dir, op):
    """One image hangs, the first can be seen, nobody waits."""
    with hangfs.Hangfs() as fs:
        for image in (IMG, IMG2):
            os.makedirs(os.path.join(fs.root, SD, "images", image))
            with open(volume_path(f"{fs.root}/{SD}", image, VOL), "w") as f:
                f.truncate(1024**2)
        domain = os.path.join(fs.mount, SD)
        with qemu.hold(run_dir, volume_path(domain, IMG, VOL)):
            fs.hang(op, IMG2 if op == "readdir" else "")
            start = time.monotonic()
            found = find(domain, timeout=2 * RUNS_OUT)
            assert RUNS_OUT < time.monotonic() - start
            fs.wait_stuck(op)
            fs.clear()
    # qemu opened its file before: locks are asked of a file that opens.
    seen = 1 if op == "readdir" else 0
    assert len(found.images) == seen
    assert found.notes[0] == (
        f"not seen: open images: only {seen} of 2 images were checked, the"
        f" storage did not answer within {2 * RUNS_OUT} seconds"
    )


def test_images_are_sorted(run_dir, domain):
    with qemu.hold(run_dir, volume_path(domain, IMG2, VOL)):
        with qemu.hold(run_dir, volume_path(domain, IMG, VOL2)):
            with qemu.hold(run_dir, volume_path(domain, IMG, VOL)):
                found = find(domain)
    assert found.images == [
        f"image {IMG}/{VOL} {WRITING}",
        f"image {IMG}/{VOL2} {WRITING}",
        f"image {IMG2}/{VOL} {WRITING}",
    ]


@needs_other_user
def test_images_of_others(run_dir, domain):
    os.chmod(volume_path(domain, IMG, VOL), 0o600)
    pid = os.fork()
    if not pid:
        os.setgroups([])
        os.setegid(36)
        os.seteuid(36)
        notes = find(domain).notes
        expected = (
            "not seen: open images: 1 could not be asked, the first is"
            f" {IMG}/{VOL}: Permission denied"
        )
        os._exit(notes[0] != expected)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("recorded", [True, False])
def test_a_killed_test_run_is_cleaned(run_dir, domain, recorded):
    path = volume_path(domain, IMG, VOL)
    module = "tests.support.killed_run"
    with programs.start(module, "qemu", run_dir, path) as killed:
        pid = int(killed.stdout.readline())
    assert "qemu" in os.readlink(f"/proc/{pid}/exe")
    if not recorded:
        os.unlink(f"{run_dir}/qemu-{pid}")
    qemu.clean_stale(run_dir)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}/exe"))

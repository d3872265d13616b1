# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a VM gets from a flagged domain otherwise than by a disk of the domain:
any path in its XML, directories, and the LUN that the domain is on.
"""

import json
import os
import stat

import pytest

from tests.support.hooks import vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.needs import needs_fuse
from tests.support.storage import loop
from tests.support.storage.blocktools import needs_block
from tests.support.waiting import RUNS_OUT

pytest_plugins = [
    "tests.support.hooks.hookfixtures",
    "tests.support.storage.faultydevice",
]

WAYS = {
    "start": lambda guarded_host, xml: guarded_host.start(xml),
    "libvirt": lambda guarded_host, xml: guarded_host.libvirt("prepare", xml),
}


@pytest.fixture(params=WAYS)
def ask(request):
    return WAYS[request.param]


def by_device(text):
    return lambda path: vmxml.vm(text.format(path))


def by_element(text):
    return lambda path: vmxml.vm(around=text.format(path))


def by_argument(*arguments):
    return lambda path: vmxml.vm(
        around=vmxml.qemu(*(a.replace("PATH", path) for a in arguments))
    )


# How a VM can have a path, and what the refusal calls it.
FORMS = {
    "serial": by_device("<serial type='file'><source path='{}'/></serial>"),
    "channel": by_device("<channel><log file='{}'/></channel>"),
    "filesystem": by_device(
        "<filesystem type='mount'><driver type='virtiofs'/>"
        "<source dir='{}'/><target dir='x'/></filesystem>"
    ),
    "memory": by_device(
        "<memory model='nvdimm'><source><path>{}</path></source></memory>"
    ),
    "loader": by_element("<os><loader type='rom'>{}</loader></os>"),
    "nvram": by_element("<os><nvram>{}</nvram></os>"),
    "commandline": by_argument(
        "-drive", "file=PATH,if=virtio,format=raw", "-name", "a,,b"
    ),
    "commandline-blockdev": by_argument(
        "-blockdev",
        json.dumps({"driver": "file", "filename": "PATH"}),
    ),
    "commandline-relative": lambda path: by_argument(f"file={path[1:]}")(""),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_path_that_is_no_disk(guarded_host, nfs, ask, form):
    xml = FORMS[form](nfs.path)
    nfs.flag("True")
    outcome = ask(guarded_host, xml)
    assert_refused(outcome, 994)
    what = form.partition("-")[0]
    assert f"start: element {what} is on backup domain" in outcome.err
    nfs.flag(None)
    assert_allowed(ask(guarded_host, xml))


@pytest.mark.parametrize("inside", [".", "..", "../..", "images"])
def test_a_directory(guarded_host, nfs, ask, inside):
    """The domain, the mount, what has all mounts, a part of the domain."""
    path = os.path.normpath(os.path.join(nfs.directory, inside))
    xml = FORMS["filesystem"](path)
    nfs.flag("True")
    assert_refused(ask(guarded_host, xml), 994)
    nfs.flag(None)
    assert_allowed(ask(guarded_host, xml))


@pytest.mark.parametrize(
    "xml",
    [
        by_element("<os><kernel>{}</kernel></os>"),
        by_element("<os><initrd>{0}</initrd><dtb>{0}</dtb></os>"),
        by_element("<description>A copy of {}</description>"),
        lambda path: vmxml.vm(vmxml.disk(path, device="cdrom")),
        by_device("<filesystem><target dir='{}'/></filesystem>"),
    ],
)
def test_what_is_allowed(guarded_host, nfs, ask, xml):
    nfs.flag("True")
    assert_allowed(ask(guarded_host, xml(nfs.path)))


def test_two_devices_are_two_words(guarded_host, nfs):
    nfs.flag("True")
    serial = f"<serial><source path='{nfs.path}'/></serial>"
    outcome = guarded_host.start(vmxml.vm(nfs.disk(), serial))
    assert_refused(outcome, 994)
    assert ": disk vda and element serial are on backup" in outcome.err


# LUNs


@pytest.fixture(params=["path", "link", "node", "partly"])
def lun(request, san, tmp_path):
    """Names of a LUN; "partly": of one without metadata of the VG."""
    path = san.block.devices[0]
    if request.param == "link":
        (tmp_path / "lun").symlink_to(path)
        return f"{tmp_path}/lun"
    if request.param == "node":
        number = os.stat(path).st_rdev
        os.mknod(tmp_path / "lun", 0o600 | stat.S_IFBLK, number)
        return f"{tmp_path}/lun"
    return san.block.devices[1] if request.param == "partly" else path


@needs_block
def test_a_pv_of_a_flagged_domain(guarded_host, san, lun, ask):
    xml = vmxml.vm(vmxml.disk(lun, "block", device="lun"))
    san.flag("True")
    outcome = ask(guarded_host, xml)
    assert_refused(outcome, 994)
    assert f": disk vda is on backup domain {san.name} (" in outcome.err
    san.flag("False")
    assert_allowed(ask(guarded_host, xml))


@needs_block
def test_a_lun_otherwise_than_by_a_disk(guarded_host, san, lun):
    san.flag("True")
    for form in ("memory", "commandline"):
        assert_refused(guarded_host.start(FORMS[form](lun)), 994)
    plug = vmxml.disk(lun, "block", device="lun").encode()
    assert_refused(guarded_host.vdsm("before_disk_hotplug", plug), 994)
    cdrom = vmxml.disk(lun, "block", device="cdrom")
    assert_allowed(guarded_host.start(vmxml.vm(cdrom)))
    san.flag(None)


@needs_block
def test_a_lun_of_nobody(guarded_host, san, hook_dir):
    san.flag("True")
    path = os.path.join(hook_dir, "lun-of-nobody")
    loop.make_file(path, 256 * 1024**2)
    device = loop.attach(path)
    try:
        xml = vmxml.vm(vmxml.disk(device, "block", device="lun"))
        assert_allowed(guarded_host.start(xml))
    finally:
        loop.detach(device)
        san.flag(None)


@needs_block
@needs_fuse
def test_a_lun_that_hangs(guarded_host, san, faulty):
    """It is refused, and no other: the words say why."""
    device = faulty()
    device.hang("read")
    guarded_host.configure(io_timeout=RUNS_OUT)
    disk = vmxml.disk(device.path, "block", device="lun")
    outcome = guarded_host.start(vmxml.vm(disk))
    guarded_host.configure(io_timeout=None)
    assert_refused(outcome, 995)
    assert f"(on {device.path}), disk vda" in outcome.err
    lun = vmxml.disk(san.block.devices[0], "block", device="lun")
    assert_allowed(guarded_host.start(vmxml.vm(lun)))


@needs_block
def test_a_damaged_domain_on_a_lun(guarded_host, san):
    """Its title is the device, since nobody knows what the domain is."""
    san.flag("perhaps")
    disk = vmxml.disk(san.block.devices[0], "block", device="lun")
    outcome = guarded_host.start(vmxml.vm(disk))
    san.flag(None)
    assert_refused(outcome, 995)

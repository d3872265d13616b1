# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of the guard's table that hooks decide, on real storage."""

import pytest

from tests.support.hooks import vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.vmxml import VM
from tests.support.storage.blocktools import needs_block

pytest_plugins = ["tests.support.hooks.hookfixtures"]


def vdsm(point, whole=True):
    def ask(guarded_host, *devices, **more):
        # A single disk is all that VDSM gives to a hot plug.
        data = vmxml.vm(*devices, **more) if whole else devices[0].encode()
        return guarded_host.vdsm(point, data, vm_id=VM)

    return ask


def libvirt(operation):
    return lambda guarded_host, *devices, **more: guarded_host.libvirt(
        operation, vmxml.vm(*devices, **more)
    )


# What a VM wants, and the words of the refusal.
WAYS = {
    "start": (vdsm("before_vm_start"), "VM web1 cannot start"),
    "resume": (vdsm("before_vm_dehibernate"), "VM web1 cannot start"),
    "migrate": (
        vdsm("before_vm_migrate_destination"),
        "VM web1 cannot migrate here",
    ),
    "plug": (
        vdsm("before_disk_hotplug", whole=False),
        f"VM {VM} cannot plug in a disk",
    ),
    "libvirt-start": (libvirt("prepare"), "VM web1 cannot start"),
    "libvirt-launch": (libvirt("start"), "VM web1 cannot start"),
    "libvirt-migrate": (libvirt("migrate"), "VM web1 cannot migrate here"),
}

# Those that have the whole VM.
WHOLE = [name for name in WAYS if name != "plug"]


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


@pytest.fixture(params=WHOLE)
def ask(request):
    return WAYS[request.param][0]


def test_flagged_or_not(guarded_host, any_domain, way):
    ask, words = way
    any_domain.flag("True")
    outcome = ask(guarded_host, any_domain.disk())
    assert_refused(outcome, 994)
    assert outcome.err == (
        f"{words}: disk vda is on backup domain {any_domain.name} (set by"
        " admin@host1: nightly copies of site A) (error 994); copy the disk"
        " elsewhere"
    )
    for value in ("False", None):
        any_domain.flag(value)
        assert_allowed(ask(guarded_host, any_domain.disk()))


@pytest.mark.parametrize("name", ["mount", "pool", "run"])
def test_names_of_a_file(guarded_host, nfs, name):
    nfs.flag("True")
    assert_refused(guarded_host.start(vmxml.vm(nfs.disk(name))), 994)
    nfs.flag(None)
    assert_allowed(guarded_host.start(vmxml.vm(nfs.disk(name))))


@needs_block
@pytest.mark.parametrize(
    "name", ["device", "blockSD", "pool", "run", "mapper"]
)
def test_names_of_an_lv(guarded_host, san, name):
    san.flag("True")
    assert_refused(guarded_host.start(vmxml.vm(san.disk(name))), 994)
    san.flag(None)
    assert_allowed(guarded_host.start(vmxml.vm(san.disk(name))))


def test_lease_of_the_vm(guarded_host, domain, ask):
    domain.flag("True")
    outcome = ask(guarded_host, vmxml.lease(domain.sd_id))
    assert_refused(outcome, 994)
    assert f": a lease is on backup domain {domain.name}" in outcome.err
    domain.flag(None)
    assert_allowed(ask(guarded_host, vmxml.lease(domain.sd_id)))


@pytest.mark.parametrize("device", ["cdrom", "floppy"])
def test_removable_media(guarded_host, domain, way, device):
    domain.flag("True")
    assert_allowed(way[0](guarded_host, domain.disk(device=device)))


def test_metadata_of_vdsm_counts(guarded_host, domain, ask):
    """A hook before ours may have moved the disk in the XML."""
    away = vmxml.disk("/var/tmp/disk")
    claims = [vmxml.claim(domain.sd_id)]
    domain.flag("True")
    assert_refused(ask(guarded_host, away, claims=claims), 994)
    domain.flag(None)
    assert_allowed(ask(guarded_host, away, claims=claims))


def test_backing_chain_counts(guarded_host, nfs, other, way):
    """A thin VM whose template's copy is used from the flagged domain."""
    nfs.flag("True")
    more = vmxml.backing(
        other.path, more=vmxml.backing(nfs.path, more="<backingStore/>")
    )
    disk = other.disk(more=more)
    assert_refused(way[0](guarded_host, disk), 994)
    nfs.flag(None)
    assert_allowed(way[0](guarded_host, disk))


def test_copy_of_the_template_is_somewhere_else(guarded_host, nfs, other, way):
    """
    The same template is on both domains; the VM's own chain is on one that
    is not flagged.
    """
    nfs.flag("True")
    assert nfs.path.endswith(f"/{vmxml.IMAGE}/{vmxml.VOLUME}")
    disk = other.disk(more=vmxml.backing(other.path))
    assert_allowed(way[0](guarded_host, disk))


def test_what_is_no_storage_domain(guarded_host, way):
    for disk in (
        vmxml.disk("/dev/mapper/36001405aaaa", "block", device="lun"),
        vmxml.disk("/var/lib/libvirt/images/x.qcow2"),
        vmxml.disk("", device="cdrom"),
        vmxml.disk("", target="vdb"),
    ):
        assert_allowed(way[0](guarded_host, disk))


def test_all_that_is_refused_is_counted(guarded_host, nfs, domain, other):
    nfs.flag("True")
    domain.flag("True")
    disks = [
        other.disk(target="vda"),
        nfs.disk(target="vdb"),
        nfs.disk(target="vdc"),
        domain.disk(target="vdd"),
    ]
    outcome = guarded_host.start(vmxml.vm(*disks))
    assert_refused(outcome, 994)
    assert ": disks vdb, vdc are on" in outcome.err
    assert outcome.err.endswith(
        ", 1 more domain refused too (error 994); copy the disk elsewhere"
    )


@pytest.mark.parametrize(
    "operation, suboperation",
    [
        ("reconnect", "begin"),
        ("start", "end"),
        ("started", "begin"),
        ("stopped", "end"),
        ("release", "end"),
        ("attach", "begin"),
        ("restore", "begin"),
        ("prepare", "end"),
    ],
)
def test_of_libvirt_all_else_is_left_alone(
    guarded_host, nfs, operation, suboperation
):
    """A VM that runs is never refused; nor is its XML looked at."""
    nfs.flag("True")
    for data in (vmxml.vm(nfs.disk(), live=True), b"<broken"):
        outcome = guarded_host.libvirt(
            operation, data, suboperation=suboperation
        )
        assert_allowed(outcome)


def test_a_directory_that_only_has_the_name_of_a_domain(
    guarded_host, way, tmp_path
):
    (tmp_path / VM).mkdir()
    for path in (f"{tmp_path}/{VM}/disk", f"{tmp_path}/{VM}/images/x/disk"):
        assert_allowed(way[0](guarded_host, vmxml.disk(path)))

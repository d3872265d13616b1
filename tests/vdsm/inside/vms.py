# SPDX-License-Identifier: GPL-2.0-or-later
"""VMs inside VDSM, and what happens to them at a moment."""

import threading

from tests.support import outside
from tests.support.vdsm import inside, vdsmblock
from tests.support.waiting import wait_until

# A disk or CD-ROM, `device`, in an image of the domain `sd`.
XML = """<domain><devices><disk type='file' device='{device}'>
<source file='/rhev/data-center/mnt/server:_x/{sd}/images/i/v'/>
<target dev='vda'/></disk></devices></domain>"""


def flag_when_prepared(image, metafile):
    """Another host sets the flag when an image has just been prepared."""

    def then():
        if inside.cif.prepared[-1] == image:
            outside.put_flag(metafile)

    inside.cif.then = then


def flag_vg_when_prepared(image, sd_id, device, asked):
    """The same; LVs of these domains that are active then: cif.active."""

    def then():
        if inside.cif.prepared[-1] == image:
            mapped = [sorted(vdsmblock.mapped(one)) for one in asked]
            inside.cif.active = mapped
            vdsmblock.put_flag(sd_id, device)

    inside.cif.then = then


def flag_after_then(metafile):
    before = inside.cif.then

    def then():
        before()
        outside.put_flag(metafile)

    inside.cif.then = then


def record_activated():
    """LVs that VDSM activates from now on: cif.activated."""
    from vdsm.storage import lvm

    inside.cif.activated = []
    original = lvm._setLVAvailability

    def seen(vg, lvs, available):
        if available == "y":
            inside.cif.activated.extend(lvs)
        return original(vg, lvs, available)

    lvm._setLVAvailability = seen


def resume(vm_id, xml):
    params = {"vmId": vm_id, "xml": xml, "restoreState": "/dev/null"}
    inside.cif.createVm(params)


def recover(vm_id):
    """After a restart of VDSM; the images that were prepared."""
    from vdsm.virt import recovery

    cif = inside.cif
    del cif.vmContainer[vm_id]
    cif.prepared.clear()
    recovery.all_domains(cif)
    vm = cif.vmContainer[vm_id]
    wait_until(lambda: not vm.recovering)
    cif._preparePathsForRecoveredVMs()
    return cif.prepared


def come_in(vm_id, xml):
    """VM.migrationCreate, and what it answers."""
    from vdsm.API import VM
    from vdsm.virt.vm import Vm

    Vm._updateDevicesDomxmlCache = lambda self, xml: None
    params = {"_srcDomXML": xml, "xml": xml, "migrationDest": "libvirt"}
    return VM(vm_id).migrationCreate(params, 2)


def set_listener_timeout(seconds):
    """Of incoming migrations."""
    from vdsm.config import config

    config.set("vars", "max_migration_listener_timeout", str(seconds))


def destroy_when_prepared(vm_id):
    def then():
        vm = inside.cif.vmContainer[vm_id]
        inside.cif.creation = vm._creationThread
        threading.Thread(target=vm.destroy).start()
        vm._destroy_requested.wait(30)

    inside.cif.then = then


def destroy_when_checked(vm_id):
    """The whole of it, when the images are prepared and the flags are read."""
    from vdsm_backup.plugin import gatekeeper

    original = gatekeeper._read_lines

    def read(sd_id):
        lines = original(sd_id)
        vm = inside.cif.vmContainer.get(vm_id)
        if inside.cif.prepared and vm is not None:
            inside.cif.creation = vm._creationThread
            vm.destroy()
        return lines

    gatekeeper._read_lines = read


def wait_destroyed(vm_id):
    wait_until(lambda: vm_id not in inside.cif.vmContainer)
    # It ends after what it began is undone.
    inside.cif.creation.join()


def locked(vm_id):
    """Are its own lock, and that of starts and stops, taken."""
    vm = inside.cif.vmContainer[vm_id]
    starts = inside.cif.vm_start_stop_lock
    return vm._volPrepareLock.locked(), starts.locked()


def first_disk(vm_id):
    disk = inside.cif.vmContainer[vm_id].getDiskDevices()[0]
    return disk.poolID, disk.domainID, disk.imageID, disk.volumeID


def disks_unplugged(vm_id):
    """The event of libvirt, that VDSM waits for."""
    for disk in inside.cif.vmContainer[vm_id].getDiskDevices():
        disk.hotunplug_event.set()


def leases_unplugged(vm_id):
    from vdsm.virt.vmdevices import hwclass

    for lease in inside.cif.vmContainer[vm_id]._devices[hwclass.LEASE]:
        lease.hotunplug_event.set()


def migrate_away(vm_id, begun=True):
    inside.cif.vmContainer[vm_id].isMigrating = lambda: begun


def let_merge():
    from vdsm.virt.livemerge import DriveMerger

    DriveMerger.merge = lambda self, *args: None


def hook_into_hotplug(sd_id=None):
    """A hook sets the flag of a domain, or refuses."""
    from vdsm.common.exception import HookError
    from vdsm.virt import vm as virt

    cif = inside.cif

    def hook(xml, *more, **others):
        if sd_id is None:
            raise HookError("no")

        def work():
            cif.answer = cif.irs.setStorageDomainBackup(sd_id, True, "why")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return xml

    cif.hook = virt.hooks.before_disk_hotplug
    virt.hooks.before_disk_hotplug = hook


def unhook():
    from vdsm.virt import vm as virt

    virt.hooks.before_disk_hotplug = inside.cif.hook


def run_vm(options):
    """A stand-in."""
    vm = inside.Vm(**options)
    inside.cif.vmContainer[vm.name] = vm

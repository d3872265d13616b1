# SPDX-License-Identifier: GPL-2.0-or-later
"""
The half of the child process (vdsmd.py) that has VMs: VDSM's own clientIF,
API and Vm, on libvirt's test driver.

What is replaced is at VDSM's border: the connection to libvirt, whose test
driver knows VMs of type "test" only, and the services that clientIF starts.
"""

import logging
import re
import threading

import libvirt
from vdsm import clientIF as vdsm_clientIF
from vdsm.common import libvirtconnection
from vdsm.virt import cpumanagement
from vdsm.virt import vm as virt


class Nothing:
    """A service that does nothing; all its calls succeed."""

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


class NoChannels(Nothing):
    """To the agents of guests, of which none answers."""

    def timeout(self):
        return 0


class ClientIF(vdsm_clientIF.clientIF):
    """
    Without its servers, recovery and helpers.

    events: what it says. prepared, torn_down: images, in order; then(): what
    happens when one has just been prepared.
    """

    def __init__(self, irs):
        self.irs = irs
        self.log = logging.getLogger("vds")
        self.vm_container_lock = threading.Lock()
        self.vm_start_stop_lock = threading.Lock()
        self.threadLocal = threading.local()
        self.channelListener = NoChannels()
        self.qga_poller = Nothing()
        self.gluster = None
        self.vmContainer = {}
        self._recovery = False
        self._enabled = True
        self._unknown_vm_ids = set()
        self.events = []
        self.prepared = []
        self.torn_down = []
        self.then = lambda: None
        self._prepare, irs.prepareImage = irs.prepareImage, self._seen
        self._teardown, irs.teardownImage = irs.teardownImage, self._gone

    def _seen(self, sdUUID, spUUID, imgUUID, *args, **more):
        result = self._prepare(sdUUID, spUUID, imgUUID, *args, **more)
        self.prepared.append(imgUUID)
        self.then()
        return result

    def _gone(self, sdUUID, spUUID, imgUUID, *args):
        self.torn_down.append(imgUUID)
        return self._teardown(sdUUID, spUUID, imgUUID, *args)

    def notify(self, event_id, params=None):
        self.events.append((event_id, params))


class Domain:
    """A VM of libvirt's test driver, and what that cannot do to its disks."""

    def __init__(self, real):
        self._real = real

    def __getattr__(self, name):
        return getattr(self._real, name)

    def attachDevice(self, xml):
        done.append(("attachDevice", xml))

    def detachDevice(self, xml):
        done.append(("detachDevice", xml))

    def blockCopy(self, disk, xml, *args, **kwargs):
        done.append(("blockCopy", xml))

    def updateDeviceFlags(self, xml, flags=0):
        done.append(("updateDeviceFlags", xml))

    def snapshotCreateXML(self, xml, flags=0):
        done.append(("snapshotCreateXML", xml))

    def blockJobInfo(self, disk, flags=0):
        return {"cur": 1, "end": 1}

    def blockJobAbort(self, disk, *args, **kwargs):
        done.append(("blockJobAbort", disk))


# What was done to disks.
done = []


class Connection:
    """libvirt's test driver, which has VMs of the type "test" only."""

    def __init__(self):
        self._real = libvirt.open("test:///default")

    def __getattr__(self, name):
        return getattr(self._real, name)

    def defineXML(self, xml):
        xml = re.sub("<domain [^>]*>", "<domain type='test'>", xml, count=1)
        xml = re.sub("machine='[^']*'|machine=\"[^\"]*\"", "", xml)
        return Domain(self._real.defineXML(xml))

    def restoreFlags(self, path, xml, flags=0):
        # The driver takes no other XML than the one that it saved, and does
        # not know that VDSM had paused the VM.
        flags &= ~libvirt.VIR_DOMAIN_SAVE_PAUSED
        self._real.restoreFlags(path, None, flags)
        vm_id = re.search("<uuid>(.*?)</uuid>", xml)[1]
        self._real.lookupByUUIDString(vm_id).suspend()

    def lookupByUUIDString(self, vm_id):
        return Domain(self._real.lookupByUUIDString(vm_id))

    def running(self):
        """Names of the VMs that run, but for the one of the driver's own."""
        domains = self._real.listAllDomains(
            libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
        )
        return sorted(d.name() for d in domains if d.name() != "test")


def replace_libvirt():
    connection = Connection()
    # They want the CPUs and the memory of a real host.
    cpumanagement.on_vm_create = lambda vm: None
    cpumanagement.on_vm_destroy = lambda vm: None
    # Its test driver has no such flags (NVRAM, checkpoints).
    virt._undefine_vm_flags = lambda: 0
    libvirtconnection.get = lambda *args, **kwargs: connection
    return connection

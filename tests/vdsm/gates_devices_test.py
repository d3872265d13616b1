# SPDX-License-Identifier: GPL-2.0-or-later
"""
Devices of VMs that run elsewhere, and that may be on a flagged domain: a
CD-ROM, and a lease.
"""

import pytest

from tests.support.hooks import needs
from tests.support.lease import sanlockd
from tests.support.storage import loop
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.vdsmguest import Guest
from tests.vdsm.inside import guard, vms
from tests.vdsm.two_hosts_test import Shared


class Running:
    """A VM that runs on `other`; `sd_id` is flagged, which it does not use."""

    def __init__(self, host, sd_id, other):
        self.host = host
        self.sd_id = sd_id
        host.set_backup(sd_id)
        self.vm = Guest(host, guests.disk(host, host.sp_id, other))
        assert self.vm.start() == ""
        host.run("cif.prepared.clear()")
        host.do(guard.count_reads)

    def done(self):
        """What libvirt was asked, once: (function, XML)."""
        (found,) = self.host.run("say(list(done)); done.clear()")[0]
        return found

    def assert_untouched(self):
        """Neither was the flag asked for, nor is it lost."""
        assert self.host.run("say(list(cif.reads))") == [[]]
        assert self.host.get_backup(self.sd_id)["backup"] is True


def change(running, **spec):
    running.host.call(
        "VM.changeCD",
        vmID=running.vm.id,
        driveSpec={"iface": "sata", "index": 2, **spec},
    )
    name, xml = running.done()
    assert name == "updateDeviceFlags"
    return xml


# Of the engine of today; and of one before 4.2.
@pytest.mark.parametrize("key", ["drive_spec", "path"])
def test_cd_change(host, key):
    regular = [sd_id for sd_id, _ in guests.regular_domains(host)]
    running = Running(host, *regular)
    cdrom = guests.disk(host, host.sp_id, running.sd_id, "sdc", "cdrom")
    drive = {**cdrom.pdiv(), "device": "cdrom", "diskType": "file"}
    assert cdrom.volume in change(running, **{key: drive})
    assert guests.links(host, running.sd_id) == [cdrom.image]
    if key == "drive_spec":
        # Out again: a cleanup.
        change(running, drive_spec={})
        assert guests.links(host, running.sd_id) == []
    running.assert_untouched()


@pytest.mark.slow("VDSM joins a lockspace")
@needs.needs_sanlock
@pytest.mark.skipif(bool(loop.missing()), reason=loop.missing())
def test_lease(start, directory):
    """
    It is made, plugged into a VM that runs, unplugged and deleted. A local
    domain of VDSM's has no leases.
    """
    with sanlockd.Host("host1", aio=True) as daemon:
        host = start(sanlock=daemon)
        domains = [Shared(directory, name) for name in ("flagged", "master")]
        for domain in domains:
            domain.create(host, 5)
        sd_id, master = (domain.sd_id for domain in domains)
        host.sp_id = host.pool(master, sd_id)
        running = Running(host, sd_id, master)
        ids = {"sd_id": sd_id, "lease_id": running.vm.id}
        host.wait(host.call("Lease.create", lease=ids))
        device = {"vmID": running.vm.id, "lease": {"type": "lease", **ids}}
        host.call("VM.hotplugLease", **device)
        name, xml = running.done()
        assert name == "attachDevice"
        assert f"<lockspace>{sd_id}</lockspace>" in xml
        host.do(vms.leases_unplugged, running.vm.id)
        host.call("VM.hotunplugLease", **device)
        assert running.done()[0] == "detachDevice"
        host.wait(host.call("Lease.delete", lease=ids))
        running.assert_untouched()

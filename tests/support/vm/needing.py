# SPDX-License-Identifier: GPL-2.0-or-later
"""What a VM needs, of disks and leases that a test names."""

from tests.support.hooks import domxmldata
from tests.support.vm.mounttable import ROOT
from vdsm_backup.host.mounts import Mount
from vdsm_backup.vm import needs
from vdsm_backup.vm.domxml import Disk, Source, Vm
from vdsm_backup.vm.paths import FILE, Location

SD, OTHER = domxmldata.SD1, domxmldata.SD2
REPO = domxmldata.REPO_ROOT
NAS = f"{REPO}/mnt/nas1.example.com:_export_data"
MOUNTED = [
    ROOT,
    Mount(NAS, "nfs4", "nas1.example.com:/export/data", "rw", "/"),
    Mount(
        f"{REPO}/mnt/glusterSD/gl1.example.com:_vmstore", "fuse", "x", "", ""
    ),
]


def finder(table=(ROOT,)):
    return needs.Finder(REPO, "/dev", list(table))


def disk(*paths, target="vda", domain=None, **more):
    """domain: by VDSM's metadata."""
    sources = [Source("file", p) for p in paths]
    domains = [] if domain is None else [domain]
    return Disk(target=target, sources=sources, domains=domains, **more)


def known(*disks, leases=(), lease_paths=(), table=(ROOT,)):
    vm = Vm(disks=disks, leases=leases, lease_paths=lease_paths)
    return [(n.device, n.location) for n in finder(table).needs(vm).known]


def location(sd_id=SD, mount="m"):
    return Location(sd_id, FILE, f"{REPO}/mnt/{mount}/{sd_id}")


def uuids(count):
    return [f"{n:08x}-0000-4000-8000-000000000000" for n in range(count)]

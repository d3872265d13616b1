# SPDX-License-Identifier: GPL-2.0-or-later
"""
Block domains of a vdsmhost.Host, on real LUNs by multipath, with LVs that
become active; for machines with device-mapper.
"""

import contextlib
import os
import subprocess
import uuid

from tests.support import outside, rundir
from tests.support.lease import sanlockd
from tests.support.storage.blockdomain import EXTENT
from tests.support.vdsm import inside, vdsmhost
from tests.support.vdsm import vdsmguest as guests
from vdsm_backup.host import mounts
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.block import BlockStorage

FCP = 2

#: WWIDs, with commas: all that is on these LUNs is lost.
LUNS = "VDSM_BACKUP_LUNS"

# Of a domain itself: always active, but for the master, which is so at the
# SPM. lib/vdsm/storage/blockSD.py, SPECIAL_LVS_V4 and MASTERLV
SPECIAL = {
    *("metadata", "ids", "inbox", "outbox", "leases", "xleases", "master")
}


def luns():
    return [wwid for wwid in os.environ.get(LUNS, "").split(",") if wwid]


def missing():
    """Why there can be no such domains here, or ""."""
    if os.geteuid() != 0:
        return "real LVs need root"
    if not os.path.exists("/sys/class/misc/device-mapper"):
        return "real LVs need device-mapper"
    if len(luns()) < 2:
        return f"needs two LUNs to overwrite: {LUNS}=WWID,WWID"
    for wwid in luns():
        if not _dm(wwid, "uuid").startswith("mpath-"):
            return f"{wwid} of {LUNS} is no multipath device"
    return sanlockd.missing() or ""


class Domain:
    """A new one, by VDSM's own verbs, on a LUN that must be unused."""

    def __init__(self, host, wwid, version, name="data"):
        self.device = f"/dev/mapper/{wwid}"
        self.sd_id = str(uuid.uuid4())
        vg_uuid = host.call(
            "LVMVolumeGroup.create", name=self.sd_id, devlist=[wwid]
        )
        host.create_domain(FCP, vg_uuid, version, name, self.sd_id)
        # VDSM has it in memory with LVs that are not active, until storage is
        # connected: HSM.connectStorageServer forgets the domains of LUNs.
        host.do(inside.forget_domain, self.sd_id)

    def values(self):
        return values(self.sd_id, self.device)

    def flag(self):
        return flag.read(self.values(), self.sd_id)

    def put_flag(self, wanted=outside.FLAG):
        put_flag(self.sd_id, self.device, wanted)

    def tags(self):
        return _fields("vgs", self.device, "vg_tags", self.sd_id)[0].split(",")

    def lvs(self):
        return set(_fields("lvs", self.device, "lv_name", self.sd_id))

    def active(self):
        """LVs of images that are active: to device-mapper, and to LVM."""
        rows = _fields("lvs", self.device, "lv_name,lv_active", self.sd_id)
        pairs = [row.split() for row in rows]
        found = {pair[0] for pair in pairs if pair[1:] == ["active"]}
        assert found == mapped(self.sd_id), rows
        return sorted(found - SPECIAL)


def mapped(sd_id):
    """LVs that device-mapper has."""
    prefix = sd_id.replace("-", "--") + "-"
    return {
        line.split()[0][len(prefix) :].replace("--", "-")
        for line in _run("dmsetup", "ls").splitlines()
        if line.startswith(prefix)
    }


def _fields(command, device, fields, vg):
    limit = ["--devices", device, "--noheadings", "-o", fields]
    return [
        line.strip() for line in _run("lvm", command, *limit, vg).splitlines()
    ]


def values(sd_id, device):
    """Of metadata that is whole and sealed, as another host reads it."""
    md = md_lines.parse(_storage(sd_id, device).read())
    assert (md.seal, md.duplicates, md.dropped) == ("valid", (), ())
    return md.values


def put_flag(sd_id, device, wanted=outside.FLAG):
    """By another host, behind VDSM's back."""
    storage = _storage(sd_id, device)
    old = storage.read()
    new = md_lines.flush(flag.apply(md_lines.parse(old).values, wanted))
    storage.write(old, new, lambda step: None)


def _storage(sd_id, device):
    return BlockStorage(sd_id, Lvm([device]))


class Pool:
    """
    A pool of two domains, `master` and `domain`, on LUNs that are wiped
    before and after, and the host, with a sanlock daemon, that is its SPM.
    """

    def __init__(self, stack, version):
        self._directory = rundir.make("vdsm")
        stack.callback(rundir.remove, self._directory)
        clean_luns()
        stack.callback(clean_luns)
        self._sanlock = stack.enter_context(sanlockd.Host("host1", aio=True))
        self.host = self._start(plugin=True)
        stack.callback(lambda: self.host.stop())
        self.master, self.domain = (
            Domain(self.host, wwid, version, name)
            for wwid, name in zip(luns(), ("master", "data"))
        )
        self.sp_id = self.host.pool(*self._domains())

    def restart(self, plugin):
        """VDSM of the host, with or without the plugin."""
        self.host.stop()
        self.host = self._start(plugin)
        self.host.join(self.sp_id, *self._domains())
        self.host.become_spm(self.sp_id)

    def disk(self, domain, **more):
        """A new one, on one of the two domains."""
        return guests.disk(
            self.host, self.sp_id, domain.sd_id, kind="block", **more
        )

    def snapshot(self, disk):
        """A new volume on top of its image, which is the disk now."""
        parent = disk.volume
        disk.volume = self.volume(disk, parent)
        return parent

    def volume(self, disk, parent):
        """A new one in the image of the disk; its UUID."""
        return guests.volume(
            *(self.host, self.sp_id, disk.domain, disk.image, parent),
            # No less than its parent, which is a whole LV.
            size=str(EXTENT),
        )

    def active(self):
        return self.master.active() + self.domain.active()

    def clean(self):
        """No VM, no flag, nothing told so far."""
        for vm in self.host.call("Host.getVMList"):
            self.host.call("VM.destroy", vmID=vm["vmId"])
        self.host.do(inside.forget)
        self.domain.put_flag(flag.Flag(False))

    def _domains(self):
        return self.master.sd_id, self.domain.sd_id

    def _start(self, plugin):
        return vdsmhost.Host(
            os.path.join(self._directory, "host"),
            plugin=plugin,
            sanlock=self._sanlock,
            luns=luns(),
        )


@contextlib.contextmanager
def pool(version):
    with contextlib.ExitStack() as stack:
        yield Pool(stack, version)


def clean_luns():
    """Nothing is on them, and nobody uses them any more."""
    for wwid in luns():
        holders = os.path.join("/sys/block", _dm_name(wwid), "holders")
        for name in os.listdir(holders):
            with open(os.path.join("/sys/block", name, "dm/name")) as f:
                _unmap(f.read().strip())
        _run("wipefs", "--all", "--quiet", f"/dev/mapper/{wwid}")


def _unmap(name):
    device = f"/dev/mapper/{name}"
    for mount in mounts.table():
        if mount.source == device:
            _run("umount", mount.point)
    _run("dmsetup", "remove", "--retry", name)


def _dm_name(wwid):
    return os.path.basename(os.path.realpath(f"/dev/mapper/{wwid}"))


def _dm(wwid, attribute):
    path = os.path.join("/sys/block", _dm_name(wwid), "dm", attribute)
    if not os.path.exists(path):
        return ""
    with open(path) as f:
        return f.read()


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Block domains, made by the same lvm commands as VDSM's: createVG() and
createLV() in lib/vdsm/storage/lvm.py, BlockStorageDomain.create() in
lib/vdsm/storage/blockSD.py.

The machine may have no device-mapper, so no LV is ever activated: `ids` and
`leases` get loop devices over their extents, in lv_dir/<VG>/<LV>. offsets has
where each LV is: (device, bytes).
"""

import json
import os
import subprocess
import uuid

from tests.support.lease import sanlockd
from tests.support.storage import filedomain, leasefiles, loop
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

MiB = 1024**2
EXTENT = 128 * MiB
PV_SIZE = 8 * 1024 * MiB

# lib/vdsm/storage/sd.py: SPECIAL_VOLUME_SIZES_MIB, LEASES_SLOTS; blockSD.py:
# METADATA_LV_SIZE_MB, MASTER_LV_SIZE_MB. In the order of creation, MiB with
# an alignment of 1 MiB.
SPECIAL_LVS = {
    "metadata": 128,
    "ids": 8,
    "inbox": 16,
    "outbox": 16,
    "leases": 2048,
    "xleases": 1024,
    "master": 1024,
}


# What sanlock and VDSM have in an LV, and where in it.
LEASES = {
    "ids": lambda sd_id: (leasefiles.ids(sd_id), 0),
    "leases": lambda sd_id: (leasefiles.sdm(sd_id), MiB),
    "xleases": lambda sd_id: (leasefiles.index(sd_id), MiB),
}


class BlockDomain:
    """
    A domain on new loop devices in a directory. LVM_SYSTEM_DIR must be ours:
    see loop.lvm_system_dir().

    wwids: names of its PVs under /dev/mapper, as multipathd gives them; none
    means two plain loop devices. direct: see loop.attach().
    """

    def __init__(
        self, directory, version=5, wwids=None, direct=False, **values
    ):
        self.sd_id = str(uuid.uuid4())
        self.dir = os.path.join(directory, self.sd_id)
        self.lv_dir = os.path.join(self.dir, "dev")
        self.version = version
        self._direct = direct
        os.makedirs(os.path.join(self.lv_dir, self.sd_id))
        loop.require_own_lvm()
        self.files, self.devices, self.offsets = [], [], {}
        try:
            for i, name in enumerate(wwids or [None, None]):
                self._add_device(i, name)
            self._make_vg()
            self._make_lvs()
            self.values = {**self._values(), **values}
            self._make_domain()
            self._attach_lvs()
        except BaseException:
            self.close()
            raise

    def _add_device(self, index, wwid):
        path = os.path.join(self.dir, f"pv{index}")
        self.files.append(loop.make_file(path, PV_SIZE))
        device = loop.attach(path, direct=self._direct, partitions=True)
        if wwid:
            alias = f"/dev/mapper/{wwid}"
            os.symlink(device, alias)
            device = alias
        self.devices.append(device)

    def _make_vg(self):
        self.lvm(
            "pvcreate --metadatasize 128m --metadatacopies 2"
            " --metadataignore y".split() + self.devices
        )
        self.lvm(["pvchange", "--metadataignore", "n", self.devices[0]])
        self.lvm(
            "vgcreate --setautoactivation n --physicalextentsize 128m"
            " --addtag RHAT_storage_domain_UNREADY".split()
            + [self.sd_id, *self.devices]
        )

    def _make_lvs(self):
        for name, size in SPECIAL_LVS.items():
            if name == "xleases" and self.version < 4:
                continue
            where = [self.devices[0]] if name == "metadata" else []
            self.add_lv(name, size, where)

    def add_lv(self, name, size=128, where=()):
        # -an, -Zn: VDSM activates it and zeroes its start.
        self.lvm(
            f"lvcreate --autobackup n --contiguous n --size {size}m"
            f" --wipesignatures n -an -Zn --name {name}".split()
            + [self.sd_id, *where]
        )

    def _values(self):
        rows = self.report("pvs", "pv_name,pv_uuid,pv_pe_count,vg_uuid")
        rows.sort(key=lambda row: self.devices.index(row["pv_name"]))
        values = filedomain.metadata(
            self.sd_id,
            self.version,
            "block1",
            TYPE="ISCSI",
            REMOTE_PATH=None,
            VGUUID=rows[0]["vg_uuid"],
        )
        if self.version < 5:
            values.update(LOGBLKSIZE="512", PHYBLKSIZE="512")
        offset = 0
        for i, row in enumerate(rows):
            name = os.path.basename(row["pv_name"])
            values[f"PV{i}"] = (
                f"pv:{name},uuid:{row['pv_uuid']},pestart:0,"
                f"pecount:{row['pv_pe_count']},mapoffset:{offset}"
            )
            offset += int(row["pv_pe_count"])
        return values

    def _make_domain(self):
        tags = [
            encoding.encode_tag(line) for line in md_lines.flush(self.values)
        ]
        self.change_tags(add=tags)
        self.change_tags(
            add=["RHAT_storage_domain"], delete=["RHAT_storage_domain_UNREADY"]
        )

    def _attach_lvs(self):
        rows = self.report("pvs", "pv_name,pe_start")
        starts = {row["pv_name"]: int(row["pe_start"]) for row in rows}
        for row in self.report("lvs", "lv_name,devices,lv_size", self.sd_id):
            name = row["lv_name"]
            # One segment: "/dev/loop0(17)".
            device, _, extent = row["devices"].rstrip(")").partition("(")
            offset = starts[device] + int(extent) * EXTENT
            self.offsets[name] = (device, offset)
            if name in LEASES:
                self.write_lv(name, *LEASES[name](self.sd_id))
            if name in ("ids", "leases"):
                target = loop.attach(
                    self.files[self.devices.index(device)],
                    offset=offset,
                    size=int(row["lv_size"]),
                )
                os.symlink(target, self.lv_path(name))

    def write_lv(self, name, data, at=0):
        """Write into an LV, through its PV."""
        device, offset = self.offsets[name]
        fd = os.open(device, os.O_WRONLY)
        try:
            os.pwrite(fd, data, offset + at)
            os.fsync(fd)
        finally:
            os.close(fd)

    def initialize(self, sanlock):
        """Its lockspace and its lease: sanlockd.Leases."""
        directory = os.path.join(self.lv_dir, self.sd_id)
        return sanlockd.Leases(self.sd_id, directory).initialize(sanlock)

    def lv_path(self, name):
        return os.path.join(self.lv_dir, self.sd_id, name)

    def tags(self):
        rows = self.report("vgs", "vg_tags", self.sd_id)
        return sorted(filter(None, rows[0]["vg_tags"].split(",")))

    def lines(self):
        return sorted(encoding.decode_tags(self.tags(), self.sd_id))

    def put(self, lines):
        """These and no others, as metadata."""
        self.put_tags(map(encoding.encode_tag, lines))

    def put_tags(self, tags):
        """Of metadata; other tags stay."""
        wanted = set(tags)
        found = {
            tag for tag in self.tags() if tag.startswith(encoding.TAG_PREFIX)
        }
        if wanted != found:
            self.change_tags(sorted(wanted - found), sorted(found - wanted))

    def change_tags(self, add=(), delete=()):
        args = [f"--addtag={tag}" for tag in add]
        args += [f"--deltag={tag}" for tag in delete]
        self.lvm(["vgchange", *args, self.sd_id])

    def copy_device(self, index):
        """A device with the same bytes: a replica beside its origin."""
        path = f"{self.files[index]}.copy"
        return loop.attach(loop.copy_file(self.files[index], path))

    def report(self, command, fields, *args):
        text = self.lvm(
            [command, "--reportformat", "json", "--units", "b", "--nosuffix"]
            + ["--options", fields, *args]
        )
        return json.loads(text)["report"][0][command[:-1]]

    def lvm(self, args, check=True, devices=None):
        """Run lvm, limited to the devices of this domain, or to these."""
        limit = ["--devices", ",".join(devices or self.devices)]
        done = subprocess.run(
            [lvm_command.LVM, args[0], *limit, *args[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C"},
        )
        if check and done.returncode:
            raise RuntimeError(f"lvm {args}: {done.stderr.strip()}")
        return done.stdout

    def close(self):
        loop.clean_stale(self.dir)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
A CephFS of one monitor, one OSD that keeps all in memory, and one MDS,
mounted by ceph-fuse; for VDSM it is a POSIX compliant file system.
"""

import os
import uuid

from tests.support.processes import island

# Of VDSM's domains, lib/vdsm/storage/sd.py, and where it mounts them.
TYPE = "POSIXFS"
MOUNT = "127.0.0.1:_"

FS_TYPE = "fuse.ceph-fuse"

_MONITOR = "[v2:127.0.0.1:3300,v1:127.0.0.1:6789]"

_CONF = """\
[global]
fsid = {fsid}
mon host = 127.0.0.1
public network = 127.0.0.0/8
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
mon allow pool size one = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 1073741824
mon data = {dir}/mon
osd data = {dir}/osd
mds data = {dir}/mds
# Some calls wait for the next one where two hosts look at one file.
mds tick interval = 0.5
run dir = {dir}/run
admin socket =
log file = {dir}/log/$name.log
mon cluster log file = {dir}/log/cluster.log
"""


def missing():
    daemons = ("ceph-mon", "ceph-osd", "ceph-mds", "ceph-fuse")
    return island.missing("monmaptool", "ceph", *daemons)


class Cluster(island.Island):
    def begin(self, owner):
        self._owner = owner
        self.env["CEPH_CONF"] = self.path("conf")
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        with open(self.path("conf"), "w") as f:
            f.write(_CONF.format(fsid=fsid, dir=self.dir))
        for name in ("mon", "osd", "mds"):
            os.mkdir(self.path(name))
        made = self.path("monmap")
        command = ["monmaptool", "--create", "--fsid", fsid]
        self.run(*command, "--addv", "a", _MONITOR, made)
        self.run("ceph-mon", "-i", "a", "--mkfs", "--monmap", made)
        self.start("ceph-mon", "-f", "-i", "a")
        self.run("ceph", "osd", "new", osd)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.start("ceph-osd", "-f", "-i", "0")
        self.start("ceph-mds", "-f", "-i", "a")
        for pool in ("metadata", "data"):
            self.run("ceph", "osd", "pool", "create", pool)
        self.run("ceph", "fs", "new", "fs", "metadata", "data")
        self.wait("up:active", "ceph", "mds", "stat")

    def mount(self, point):
        super().mount(point, "ceph-fuse", "-f", "--id", "admin", point)
        os.chown(point, *self._owner)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
A Gluster volume of one brick, as oVirt's storage of type GlusterFS.

glusterd refuses 127.0.0.1 as a brick's host, and takes any other address of
the loopback.
"""

import contextlib
import os

from tests.support.processes import island
from vdsm_backup.host import filesystems

# Of VDSM's domains, lib/vdsm/storage/sd.py, and where it mounts them.
TYPE = "GLUSTERFS"
MOUNT = "glusterSD/127.0.0.2:_data"

FS_TYPE = "fuse.glusterfs"

_HOST = "127.0.0.2"
_VOLUME = "data"

_CONF = """\
volume management
    type mgmt/glusterd
    option working-directory {dir}/work
    option run-directory {dir}/run
    option glusterd-sockfile {dir}/run/glusterd.sock
    option transport-type socket
    option transport.address-family inet
    option transport.socket.bind-address {host}
    option transport.socket.listen-port 24007
    option max-port 60999
end-volume
"""


def missing():
    return island.missing("glusterd", "gluster", "glusterfs", "glusterfsd")


class Cluster(island.Island):
    def begin(self, owner):
        for names in (
            ("work",),
            ("brick",),
            # A brick's own socket and log, compiled in.
            ("run", "gluster"),
            ("log", "glusterfs", "bricks"),
        ):
            os.makedirs(self.path(*names))
        with open(self.path("vol"), "w") as f:
            f.write(_CONF.format(dir=self.dir, host=_HOST))
        self.start("glusterd", "-N", "-f", self.path("vol"), "-l", "-")
        self.wait("", *self._command("volume", "list"))
        brick = f"{_HOST}:{self.path('brick')}"
        # "force": it is on the machine's root file system.
        self.volume("create", brick, "force")
        # oVirt asks for this.
        uid, gid = map(str, owner)
        self.volume("set", "storage.owner-uid", uid, "storage.owner-gid", gid)
        self.volume("start")

    def mount(self, point):
        command = ["glusterfs", "-N", "-s", _HOST, "--volfile-id", _VOLUME]
        super().mount(point, *command, "-l", "-", point)

    def volume(self, verb, *args):
        self.run(*self._command("volume", verb, _VOLUME, *args))

    @contextlib.contextmanager
    def without_caches(self):
        """As docs/filesystems.md tells the administrator to have it."""
        options = filesystems.GLUSTER_CACHES.values()
        for option in options:
            self.volume("set", option, "off")
        try:
            yield
        finally:
            for option in options:
                self.volume("reset", option)

    def _command(self, *args):
        sock = self.path("run", "glusterd.sock")
        return ["gluster", "--mode=script", f"--glusterd-sock={sock}", *args]

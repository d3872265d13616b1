# SPDX-License-Identifier: GPL-2.0-or-later
"""
Storage domains in the box, laid out as VDSM lays them out. Run in a VM:

    python3 -m tests.e2e.inside.domains file MOUNT VERSION NAME
    python3 -m tests.e2e.inside.domains block WWID VERSION NAME TYPE
    python3 -m tests.e2e.inside.domains init SD IDS LEASES
    python3 -m tests.e2e.inside.domains join SD HOST_ID IDS
    python3 -m tests.e2e.inside.domains leave SD HOST_ID IDS

The first one as the user vdsm, the others as root; what is made says its UUID.
"""

import os
import sys

import sanlock

from tests.support.storage import filedomain
from tests.support.storage.blockdomain import BlockDomain

MIB = 1024**2

# Seconds. sanlock's default is 10; joining takes as many, and all that
# depends on it. With 2 a machine that is busy elsewhere was seen to fail.
IO_TIMEOUT = 4


class LunDomain(BlockDomain):
    """On a LUN, with LVs that are activated."""

    def _add_device(self, index, wwid):
        self.devices.append(f"/dev/mapper/{wwid}")

    def _attach_lvs(self):
        pass


def make_block(wwid, version, name, kind):
    # Where its base class looks for the sign that this LVM is the tests' own.
    os.makedirs("/etc/lvm/locks", exist_ok=True)
    os.environ["LVM_SYSTEM_DIR"] = "/etc/lvm"
    domain = LunDomain(
        "/tmp/domains", int(version), [wwid], DESCRIPTION=name, TYPE=kind
    )
    names = [f"{domain.sd_id}/{lv}" for lv in ("ids", "leases")]
    domain.lvm(["lvchange", "-ay", *names])
    initialize(domain.sd_id, *(f"/dev/{name}" for name in names))
    domain.lvm(["lvchange", "-an", *names])
    return domain.sd_id


def make_file(mount, version, name):
    return filedomain.make(
        mount, int(version), name=name, REMOTE_PATH="storage:/srv/nfs"
    )


def initialize(sd_id, ids, leases):
    name = sd_id.encode()
    size = {"align": MIB, "sector": 512}
    sanlock.write_lockspace(name, ids, iotimeout=IO_TIMEOUT, **size)
    sanlock.write_resource(name, b"SDM", [(leases, MIB)], **size)


def join(sd_id, host_id, ids):
    name, number = sd_id.encode(), int(host_id)
    sanlock.add_lockspace(name, number, ids, iotimeout=IO_TIMEOUT)


def leave(sd_id, host_id, ids):
    sanlock.rem_lockspace(sd_id.encode(), int(host_id), ids, unused=True)


ACTIONS = {
    "file": make_file,
    "block": make_block,
    "init": initialize,
    "join": join,
    "leave": leave,
}

if __name__ == "__main__":
    print(ACTIONS[sys.argv[1]](*sys.argv[2:]) or "")

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Storage domains in the box, laid out as VDSM lays them out. Run in a VM:

    python3 -m tests.e2e.inside.domains make
    python3 -m tests.e2e.inside.domains join SD HOST_ID IDS
    python3 -m tests.e2e.inside.domains leave SD HOST_ID IDS

As root. What is made is said in JSON on stdin, [{kind: nfs, iscsi or shared;
version; name; place: a mount or WWID}]; their UUIDs on stdout.
"""

import json
import os
import pwd
import sys

import sanlock

from tests.support.asuser import as_user
from tests.support.storage import filedomain
from tests.support.storage.blockdomain import BlockDomain

MIB = 1024**2

# Seconds. sanlock's default is 10; joining takes as many, and all that
# depends on it. With 2 a machine that is busy elsewhere was seen to fail.
IO_TIMEOUT = 4

# As VDSM calls them.
TYPES = {"iscsi": "ISCSI", "shared": "FCP"}


class LunDomain(BlockDomain):
    """On a LUN, with LVs that are activated."""

    def _add_device(self, index, wwid):
        self.devices.append(f"/dev/mapper/{wwid}")

    def _attach_lvs(self):
        pass


def make(kind, version, name, place):
    """Its UUID."""
    if kind in TYPES:
        return make_block(place, version, name, TYPES[kind])
    # Root is nobody on an NFS server, and may not even list a domain.
    vdsm = pwd.getpwnam("vdsm")
    with as_user(vdsm.pw_uid, vdsm.pw_gid):
        sd_id = filedomain.make(
            place, version, name=name, REMOTE_PATH="storage:/srv/nfs"
        )
    special = os.path.join(place, sd_id, "dom_md")
    initialize(sd_id, *(f"{special}/{name}" for name in ("ids", "leases")))
    return sd_id


def make_block(wwid, version, name, kind):
    domain = LunDomain(
        "/tmp/domains", version, [wwid], DESCRIPTION=name, TYPE=kind
    )
    names = [f"{domain.sd_id}/{lv}" for lv in ("ids", "leases")]
    domain.lvm(["lvchange", "-ay", *names])
    initialize(domain.sd_id, *(f"/dev/{name}" for name in names))
    domain.lvm(["lvchange", "-an", *names])
    return domain.sd_id


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


def main(action, *args):
    if action == "make":
        # Where a BlockDomain looks for the sign that this LVM is its own.
        os.makedirs("/etc/lvm/locks", exist_ok=True)
        os.environ["LVM_SYSTEM_DIR"] = "/etc/lvm"
        print(json.dumps([make(**wanted) for wanted in json.load(sys.stdin)]))
    else:
        {"join": join, "leave": leave}[action](*args)


if __name__ == "__main__":
    main(*sys.argv[1:])

# SPDX-License-Identifier: GPL-2.0-or-later
"""The storage domains of the box, and what tests do with one."""

import dataclasses
import json
from dataclasses import dataclass

from tests.e2e.box.box import together
from tests.e2e.box.vm import program

MOUNT = "/rhev/data-center/mnt/storage:_srv_nfs"
SLOW = "/rhev/data-center/mnt/storage:_srv_slow"

# See SHARED in box/box.py, and guest/target.py.
SHARED = tuple(f"35000c50000000a0{n}" for n in (1, 2, 3))
ISCSI = tuple(f"36001405b0c5000{n}{0:017}" for n in (0, 1, 2, 3))


@dataclass(frozen=True)
class Domain:
    """
    kind: nfs, iscsi or shared. place: mount or WWID.
    """

    name: str
    kind: str
    version: int
    place: str
    sd_id: str = ""

    @property
    def block(self):
        return self.kind != "nfs"

    def path(self, name):
        """In the VMs, of something special in it."""
        if self.block:
            return f"/dev/{self.sd_id}/{name}"
        return f"{self.place}/{self.sd_id}/dom_md/{name}"

    @property
    def metadata(self):
        return self.path("metadata")


# Of each kind a V4 and a V5 one.
USED = (
    Domain("nfs4", "nfs", 4, MOUNT),
    Domain("nfs5", "nfs", 5, MOUNT),
    Domain("iscsi4", "iscsi", 4, ISCSI[0]),
    Domain("iscsi5", "iscsi", 5, ISCSI[1]),
    Domain("shared4", "shared", 4, SHARED[0]),
    Domain("shared5", "shared", 5, SHARED[1]),
)
NAMES = tuple(domain.name for domain in USED)

# The race has its own, so that it can go on beside other tests.
RACED = (
    Domain("nfs-race", "nfs", 5, MOUNT),
    Domain("iscsi-race", "iscsi", 4, ISCSI[2]),
    Domain("shared-race", "shared", 5, SHARED[2]),
)

# Their storage can hang.
HANGING = (
    Domain("slow", "nfs", 5, SLOW),
    Domain("hang", "iscsi", 5, ISCSI[3]),
)


def make(host, *domains):
    """
    The same with their sd_ids, on storage. All by one process: it takes
    longest to start.
    """
    names = ("kind", "version", "name", "place")
    wanted = [{n: getattr(domain, n) for n in names} for domain in domains]
    command = program("tests.e2e.inside.domains", "make")
    done = host.run(command, input=json.dumps(wanted))
    return [
        dataclasses.replace(domain, sd_id=sd_id)
        for domain, sd_id in zip(domains, done.json)
    ]


def make_all(box):
    """By name."""
    wanted = USED + RACED + HANGING

    def half(number):
        return make(box.hosts[number], *wanted[number::2])

    return {d.name: d for d in sum(together(half, range(2)), [])}

# SPDX-License-Identifier: GPL-2.0-or-later
"""The storage domains of the box, and what tests do with one."""

from dataclasses import dataclass

from tests.e2e.box.box import together

KINDS = ("nfs", "iscsi", "shared")
NAMES = tuple(f"{kind}{version}" for version in (4, 5) for kind in KINDS)

MOUNT = "/rhev/data-center/mnt/storage:_srv_nfs"
SLOW = "/rhev/data-center/mnt/storage:_srv_slow"

# See SHARED in box/box.py, and guest/target.py.
SHARED = ("35000c50000000a01", "35000c50000000a02")
ISCSI = tuple(f"36001405b0c5000{n}{0:017}" for n in (0, 1, 2))


@dataclass(frozen=True)
class Domain:
    """
    kind: nfs, iscsi or shared. place: mount or WWID.
    """

    sd_id: str
    name: str
    kind: str
    version: int
    place: str

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


def make_nfs(host, name, version, mount=MOUNT):
    sd_id = _make(host, "file", mount, version, name, user="vdsm")
    domain = Domain(sd_id, name, "nfs", version, mount)
    _make(host, "init", sd_id, domain.path("ids"), domain.path("leases"))
    return domain


def make_block(host, name, kind, version, wwid):
    ovirt = {"iscsi": "ISCSI", "shared": "FCP"}[kind]
    sd_id = _make(host, "block", wwid, version, name, ovirt)
    return Domain(sd_id, name, kind, version, wwid)


def _make(host, *args, user=None):
    command = ["env", "PYTHONPATH=/opt/box/lib", "python3", "-m"]
    command += ["tests.e2e.inside.domains", *map(str, args)]
    return host.run(command, user=user).out.strip()


def make_all(box):
    """By name: of each kind a V4 and a V5 one."""

    def make(number):
        version = 4 + number
        host = box.hosts[number]
        return [
            make_nfs(host, f"nfs{version}", version),
            make_block(
                host, f"iscsi{version}", "iscsi", version, ISCSI[number]
            ),
            make_block(
                host, f"shared{version}", "shared", version, SHARED[number]
            ),
        ]

    found = together(make, range(2))
    return {domain.name: domain for domain in sum(found, [])}

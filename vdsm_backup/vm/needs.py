# SPDX-License-Identifier: GPL-2.0-or-later
"""
The storage domains that a VM needs, and what for.

A VM needs the domains of its own disks, with their backing chains, and of its
leases; not those of CD-ROMs and floppies, which may come from anywhere. A disk
is on a domain if any name of the disk's path lies on the domain, or if VDSM's
metadata says so. In the second case VDSM has prepared the disk on that domain,
even if a hook has given the VM another path since. A lease is on a domain if
its path lies there, or if the domain is its lockspace; the path tells which of
several places of the domain the VM uses.
"""

from __future__ import annotations

import os
from collections import namedtuple

from vdsm_backup import errors
from vdsm_backup.processes import scripts
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.vm import paths as vm_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List, Optional, Sequence, Tuple

    from vdsm_backup.host.mounts import Mount
    from vdsm_backup.vm.domxml import Disk, Vm

    # (device, path); the paths of one list are on one mount.
    UnresolvedPaths = List[Tuple[str, str]]
    # Of Finder.resolve().
    Resolved = Tuple[List["Need"], UnresolvedPaths, Optional[errors.Error]]

# Follows links, in a process of its own.
RESOLVE_LINKS = "vdsm_backup.vm.resolve_links"

# Far more than a VM of oVirt has. Each costs a thread, and some a process.
MAX_LOCATIONS = 256

# Of all paths of a VM. Each part may cost a readlink() on this host. A path of
# VDSM has nine.
MAX_PARTS = 20_000


# The device of a Need that is no disk.
_LEASE = "a lease"


class Need(namedtuple("Need", "device location")):
    """
    A VM needs the storage domain at this location.

    device: what of the VM is there, for people: "disk vda" or "a lease".
    """

    __slots__ = ()
    device: str
    location: vm_paths.Location


class Needs:
    """
    What a VM needs.

    known: a Need for each domain that the paths of its disks name, and for
        those of its leases.
    unresolved: {mount point: [(device, path)]}, paths on mounts that may hang,
        whose links were not followed. They may lead to other domains.
    """

    def __init__(
        self,
        known: Iterable[Need] = (),
        unresolved: dict[str, UnresolvedPaths] | None = None,
    ) -> None:
        self.known = list(known)
        self.unresolved = {} if unresolved is None else unresolved


class Finder:
    """
    Finds what VMs need on this host.

    repo_root, lv_dir: see config.py. table: of mounts.table().
    """

    def __init__(
        self, repo_root: str, lv_dir: str, table: Sequence[Mount]
    ) -> None:
        self._repo_root = repo_root
        self._lv_dir = lv_dir
        self._table = table

    def needs(self, vm: Vm) -> Needs:
        """
        What a VM needs, without touching what could hang.

        Raises VmUnclear.
        """
        _require_parts(vm)
        found = Needs()
        for disk in vm.disks:
            if not disk.removable:
                self._add_disk(found, disk)
        for lockspace in vm.leases:
            # Other lockspaces than VDSM's are no storage domains.
            if is_uuid(lockspace):
                location = vm_paths.Location(lockspace)
                found.known.append(Need(_LEASE, location))
        for path in vm.lease_paths:
            if path.startswith("/"):
                self._add_path(found, _LEASE, path)
        found.known = _merge(found.known)
        count = len({n.location for n in found.known}) + len(found.unresolved)
        if count > MAX_LOCATIONS:
            raise errors.VmUnclear(
                f"its disks are in {count} places, more than {MAX_LOCATIONS}"
            )
        return found

    def _add_disk(self, found: Needs, disk: Disk) -> None:
        device = f"disk {printable(disk.target)}"
        for domain in disk.domains:
            if not is_uuid(domain):
                domain = printable(domain)
                raise errors.VmUnclear(
                    f"{device} is on domain {domain!a}, no UUID"
                )
        locations = [vm_paths.Location(domain) for domain in disk.domains]
        found.known += [Need(device, location) for location in locations]
        for source in disk.sources:
            if source.kind != "name":
                self._add_path(found, device, source.value)
            elif source.protocol == "gluster":
                locations = vm_paths.gluster_locations(source.value)
                found.known += [Need(device, place) for place in locations]

    def _add_path(self, found: Needs, device: str, path: str) -> None:
        if len(path) > vm_paths.MAX_PATH:
            # No file has it, and each part of it costs time.
            raise errors.VmUnclear(f"the path of {device} is too long")
        # libvirt's working directory is /, so a path that is not absolute is
        # one below /.
        trace = vm_paths.trace("/" + path, self._table)
        locations = self._locations(trace.names)
        found.known += [Need(device, location) for location in locations]
        if trace.mount is not None and trace.rest is not None:
            paths = found.unresolved.setdefault(trace.mount, [])
            paths.append((device, trace.rest))

    def _locations(self, names: Iterable[str]) -> list[vm_paths.Location]:
        return [
            location
            for name in names
            for location in vm_paths.locations(
                name, self._repo_root, self._lv_dir
            )
        ]

    def resolve(self, paths: UnresolvedPaths, timeout: float) -> Resolved:
        """
        Follow all links of unresolved paths, in a child process. If we were
        started as root, root follows them in another one: a directory that is
        closed to our effective user is as open to libvirt as to root. And
        where an export squashes root, it may be closed to root only. So
        wherever one of them comes counts.

        timeout: seconds.

        Returns the Needs that this adds; the paths that are still unresolved;
        and why they are, which is None if there are none.
        """
        names = sorted({path for _, path in paths})
        followers = [scripts.Script(RESOLVE_LINKS, *names)]
        if os.getuid() == 0 != os.geteuid():
            root = scripts.Script(RESOLVE_LINKS, *names, as_root=True)
            followers.append(root)
        scripts.collect(followers, timeout)
        reals = [
            {line["path"]: line["real"] for line in script.lines}
            for script in followers
        ]
        found = [
            Need(device, location)
            for device, path in paths
            for real in reals
            if path in real
            for location in self._locations([real[path]])
        ]
        left = [
            (device, path)
            for device, path in paths
            if not all(path in real for real in reals)
        ]
        return found, left, _why(followers, left, timeout)


def _why(
    followers: Iterable[scripts.Script], left: UnresolvedPaths, timeout: float
) -> errors.Error | None:
    if not left:
        return None
    path = printable(left[0][1])
    if all(script.ended for script in followers):
        return errors.MetadataUnreadable(path, "following links failed")
    return errors.StorageTimeout(path, timeout)


def _require_parts(vm: Vm) -> None:
    paths = [s.value for disk in vm.disks for s in disk.sources]
    parts = sum(path.count("/") for path in [*paths, *vm.lease_paths])
    if parts > MAX_PARTS:
        raise errors.VmUnclear(f"the paths of its disks have {parts} parts")


def _merge(needs: list[Need]) -> list[Need]:
    """
    The needs without duplicates. A need whose domain is known by its UUID only
    gets the location from another need of that domain, if there is one.
    """
    known = {
        need.location.domain: need.location
        for need in reversed(needs)
        if need.location.kind != vm_paths.ANY and not need.location.candidate
    }
    merged = []
    for need in needs:
        location = need.location
        if location.kind == vm_paths.ANY:
            location = known.get(location.domain, location)
        merged.append(Need(need.device, location))
    return list(dict.fromkeys(merged))

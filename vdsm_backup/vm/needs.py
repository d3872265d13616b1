# SPDX-License-Identifier: GPL-2.0-or-later
"""
The storage domains that a VM needs, and what for.

A VM needs the domains of its own disks, with their backing chains, of its
leases, and of all other paths in its XML; not those of CD-ROMs and floppies,
which may come from anywhere. A disk is on a domain if any name of the disk's
path lies on the domain, if it is a device on which the domain is (luns.py), or
if VDSM's metadata says so. In the last case VDSM has prepared the disk on that
domain, even if a hook has given the VM another path since. A lease is on a
domain if its path lies there, or if the domain is its lockspace; the path
tells which of several places of the domain the VM uses. A path that is a
directory needs the domains in it, too (shared_directories.py).
"""

from __future__ import annotations

import os

from vdsm_backup import errors
from vdsm_backup.host import block_stack
from vdsm_backup.record import Record
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.vm import links, luns
from vdsm_backup.vm import paths as vm_paths
from vdsm_backup.vm.domxml import LEASE
from vdsm_backup.vm.shared_directories import SharedDirectories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List, Optional, Sequence, Tuple

    from vdsm_backup.host.mounts import Mount
    from vdsm_backup.processes.scripts import Script
    from vdsm_backup.vm.domxml import Disk, Vm
    from vdsm_backup.vm.followers import Companions, Followed

    # (device, path); the paths of one list are on one mount.
    UnresolvedPaths = List[Tuple[str, str]]
    # Of Finder.resolve().
    Resolved = Tuple[List["Need"], UnresolvedPaths, Optional[errors.Error]]

# Follows links, in a process of its own.
RESOLVE_LINKS = "vdsm_backup.vm.resolve_links"

# Far more than a VM of oVirt has. Each costs a thread, and some a process.
MAX_LOCATIONS = 256

# Of all paths of a VM, as they are in its XML. A path of VDSM has nine. What
# links add has links.Limits.
MAX_PARTS = 20_000


class Need(Record):
    """
    A VM needs the storage domain at this location.

    device: what of the VM is there, for people: "disk vda" or "a lease".
    """

    __slots__ = ("device", "location")

    def __init__(self, device: str, location: vm_paths.Location) -> None:
        self.device = device
        self.location = location


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
    Finds what a VM needs on this host.

    repo_root, lv_dir: see config.py. table: of mounts.table(). limits: of the
    one VM that is looked at.
    """

    def __init__(
        self,
        repo_root: str,
        lv_dir: str,
        table: Sequence[Mount],
        limits: links.Limits | None = None,
    ) -> None:
        self._repo_root = repo_root
        self._lv_dir = lv_dir
        self._table = table
        self._directories = SharedDirectories(repo_root, table)
        # {block_stack.number(): Locations}
        self._devices: dict[str, list[vm_paths.Location]] = {}
        self._limits = limits or links.Limits()
        self._companions: Companions | None = None
        # Of all names so far.
        self._named: set[vm_paths.Location] = set()

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
                found.known.append(Need(LEASE, location))
        for path in vm.lease_paths:
            if path.startswith("/"):
                self._add_path(found, LEASE, path)
        for other in vm.other_paths:
            device = printable(other.device)
            self._add_path(found, device, other.path, shared=True)
        for scsi in vm.scsi:
            locations = luns.scsi_locations(scsi.path)
            found.known += [Need(scsi.device, place) for place in locations]
        found.known = _merge(found.known)
        count = len({n.location for n in found.known}) + len(found.unresolved)
        if count > MAX_LOCATIONS:
            raise _too_many_places()
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
                shared = source.kind == "dir"
                self._add_path(found, device, source.value, shared)
            elif source.protocol == "gluster":
                locations = vm_paths.gluster_locations(source.value)
                found.known += [Need(device, place) for place in locations]

    def _add_path(
        self, found: Needs, device: str, path: str, shared: bool = False
    ) -> None:
        """
        Add what a path needs. shared: it may be a directory that the VM gets.
        """
        if len(path) > links.MAX_PATH:
            # No file has it, and each part of it costs time.
            raise errors.VmUnclear(f"the path of {device} is too long")
        # libvirt's working directory is /, so a path that is not absolute is
        # one below /.
        path = "/" + path
        trace = links.trace(path, self._table, self._limits)
        locations = self._locations(trace.names, trace.domains)
        if shared:
            locations = self._counted(
                self._directories.locations(path, trace, locations)
            )
        number = block_stack.number(path) if trace.rest is None else None
        if number is not None:
            locations += self._device_locations(number)
        found.known += [Need(device, location) for location in locations]
        if trace.mount is not None and trace.rest is not None:
            paths = found.unresolved.setdefault(trace.mount, [])
            paths.append((device, trace.rest))

    def _device_locations(self, number: str) -> list[vm_paths.Location]:
        # Hundreds of LVs may be on one device, and a VM may name it often.
        if number not in self._devices:
            self._devices[number] = luns.locations(number)
        return self._devices[number]

    def _locations(
        self, names: Iterable[str], domains: Iterable[str] = ()
    ) -> list[vm_paths.Location]:
        """
        The Locations of the names of a path, each of a file or of a directory,
        and of directories with a dom_md that it passes. Raises VmUnclear.
        """
        where = (self._repo_root, self._lv_dir)
        found: list[vm_paths.Location] = []
        for name in names:
            found += self._counted(vm_paths.locations(name, *where))
            if is_uuid(os.path.basename(name)):
                # A directory may be a domain itself.
                inside = vm_paths.locations(f"{name}/x", *where)
                found += self._counted([x for x in inside if not x.candidate])
        for directory in domains:
            found += self._counted(vm_paths.within_domain(directory, *where))
        return list(dict.fromkeys(found))

    def _counted(
        self, found: list[vm_paths.Location]
    ) -> list[vm_paths.Location]:
        # Looked at here, since few links make very many names. Twice: _merge()
        # makes one of a domain's location with a directory and one without.
        self._named.update(found)
        if len(self._named) > 2 * MAX_LOCATIONS:
            raise _too_many_places()
        return found

    def companions(self, needs: Needs) -> Companions:
        """
        What can follow the links of all unresolved paths without scripts; see
        followers.py.
        """
        from vdsm_backup.vm.followers import Companions

        paths = map(_paths, needs.unresolved.values())
        self._companions = Companions(paths)
        return self._companions

    def resolve(self, paths: UnresolvedPaths, timeout: float) -> Resolved:
        """
        Follow all links of unresolved paths, in a child process. If we were
        started as root, root follows them in another one: a directory that is
        closed to our effective user is as open to libvirt as to root. And
        where an export squashes root, it may be closed to root only. So
        wherever one of them comes counts.

        timeout: seconds.

        Returns the Needs that this adds; the paths that are still unresolved;
        and why they are, which is None if there are none. What is met on the
        way of an unresolved path counts, too.
        """
        from collections import Counter

        names = _paths(paths)
        followers: Sequence[Script | Followed] = ()
        if self._companions is not None:
            followers = self._companions.ask(names, timeout)
        if not followers:
            followers = _scripts(names, timeout)
        lines = [line for each in followers for line in each.lines]
        by = Counter(line["path"] for line in lines if "followed" in line)
        left = [need for need in paths if by[need[1]] < len(followers)]
        try:
            found = self._met(lines, paths)
        except errors.VmUnclear as e:
            what = printable(names[0])
            return [], paths, errors.MetadataUnreadable(what, e.why)
        return found, left, _why(followers, left, timeout)

    def _met(
        self, lines: Iterable[dict[str, str]], paths: UnresolvedPaths
    ) -> list[Need]:
        """
        What processes of resolve_links.py have met.

        lines: of their output. Raises VmUnclear.
        """
        met: dict[str, list[vm_paths.Location]] = {}
        for line in lines:
            there = met.setdefault(line["path"], [])
            if links.NAME in line:
                there += self._locations([line[links.NAME]])
            elif links.DOMAIN in line:
                there += self._locations([], [line[links.DOMAIN]])
            elif "device" in line:
                there += self._device_locations(line["device"])
        found: list[Need] = []
        for device, path in paths:
            # Many disks can have the same path.
            places = dict.fromkeys(met.get(path, ()))
            self._limits.spend(len(places))
            found += [Need(device, place) for place in places]
        return found


def _paths(paths: UnresolvedPaths) -> list[str]:
    """Each once, in one order."""
    return sorted({path for _, path in paths})


def _scripts(names: Sequence[str], timeout: float) -> list[Script]:
    from vdsm_backup.processes import scripts

    followers = [scripts.Script(RESOLVE_LINKS, *names)]
    if os.getuid() == 0 != os.geteuid():
        root = scripts.Script(RESOLVE_LINKS, *names, as_root=True)
        followers.append(root)
    scripts.collect(followers, timeout)
    return followers


def _why(
    followers: Sequence[Script | Followed],
    left: UnresolvedPaths,
    timeout: float,
) -> errors.Error | None:
    if not left:
        return None
    path = printable(left[0][1])
    for follower in followers:
        for line in follower.lines:
            if "failed" in line:
                return errors.MetadataUnreadable(path, line["failed"])
    if all(follower.ended for follower in followers):
        return errors.MetadataUnreadable(path, "following links failed")
    return errors.StorageTimeout(path, timeout)


def _require_parts(vm: Vm) -> None:
    paths = [s.value for disk in vm.disks for s in disk.sources]
    paths += [*vm.lease_paths, *(other.path for other in vm.other_paths)]
    # Also a path without a slash has a part, and so has a domain by metadata:
    # many disks can have the same many domains.
    parts = sum(path.count("/") + 1 for path in paths)
    parts += sum(len(disk.domains) for disk in vm.disks)
    if parts > MAX_PARTS:
        raise errors.VmUnclear(f"the paths of its disks have {parts} parts")


def _too_many_places() -> errors.VmUnclear:
    return errors.VmUnclear(
        f"its disks are in more than {MAX_LOCATIONS} places"
    )


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

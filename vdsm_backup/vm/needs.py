# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which storage domains a VM needs, and for what.

Its own disks, with their backing chains, and its leases. Not CD-ROMs and
floppies, which may come from anywhere. A disk is on a domain if its path is,
under any of the names that it has, or if VDSM's metadata says so: then VDSM
has prepared it there, wherever a hook has moved it since.
"""

from dataclasses import dataclass, field

from vdsm_backup import errors
from vdsm_backup.processes import scripts
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.vm import paths as vm_paths

# Follows links, in a process of its own.
RESOLVE_LINKS = "vdsm_backup.vm.resolve_links"

# Far more than a VM of oVirt has. Each costs a thread, some a process.
MAX_PLACES = 256

# Of all paths of a VM: each costs a look at the host's directories. A path of
# VDSM has nine.
MAX_PARTS = 20_000


@dataclass(frozen=True)
class Need:
    """
    what: for people, "disk vda" or "a lease".
    """

    what: str
    place: vm_paths.Place


@dataclass
class Needs:
    """
    known: Needs by what the paths are called.
    open: by a mount that could hang, (what, path) that it may call otherwise.
    """

    known: list = field(default_factory=list)
    open: dict = field(default_factory=dict)


class Finder:
    """
    repo_root, lv_dir: see config.py. table: mounts.table().
    """

    def __init__(self, repo_root, lv_dir, table):
        self._repo_root = repo_root
        self._lv_dir = lv_dir
        self._table = table

    def of(self, vm):
        """
        Needs of a domxml.Vm.

        Raises VmUnclear.
        """
        _require_parts(vm)
        found = Needs()
        for disk in vm.disks:
            if not disk.removable:
                self._add_disk(found, disk)
        for lockspace in vm.leases:
            # Others than VDSM's are no storage domains.
            if is_uuid(lockspace):
                found.known.append(Need("a lease", vm_paths.Place(lockspace)))
        found.known = _merge(found.known)
        places = {need.place for need in found.known}
        if len(places) + len(found.open) > MAX_PLACES:
            raise errors.VmUnclear(
                f"its disks are in {len(places) + len(found.open)} places,"
                f" more than {MAX_PLACES}"
            )
        return found

    def _add_disk(self, found, disk):
        what = f"disk {printable(disk.target)}"
        for domain in disk.domains:
            if not is_uuid(domain):
                domain = printable(domain)
                raise errors.VmUnclear(
                    f"{what} is on domain {domain!a}, no UUID"
                )
        places = [vm_paths.Place(domain) for domain in disk.domains]
        for source in disk.sources:
            if source.kind == "name":
                if source.protocol == "gluster":
                    places += vm_paths.on_gluster(source.value)
                continue
            if len(source.value) > vm_paths.MAX_PATH:
                # No file has it, and each part of it costs time.
                raise errors.VmUnclear(f"the path of {what} is too long")
            # A name that is not absolute is one from libvirt's directory, /.
            trace = vm_paths.trace("/" + source.value, self._table)
            places += self._places(trace.names)
            if trace.mount is not None:
                paths = found.open.setdefault(trace.mount, [])
                paths.append((what, trace.rest))
        found.known += [Need(what, place) for place in places]

    def _places(self, names):
        return [
            place
            for name in names
            for place in vm_paths.classify(name, self._repo_root, self._lv_dir)
        ]

    def resolve(self, paths, timeout):
        """
        All links of (what, path) of one mount followed: Needs that this adds,
        the (what, path) of which nothing is known, and why, an errors.Error
        or None.

        timeout: seconds.
        """
        names = sorted({path for _, path in paths})
        look = scripts.Script(RESOLVE_LINKS, *names)
        scripts.collect([look], timeout)
        real = {line["path"]: line["real"] for line in look.lines}
        found = [
            Need(what, place)
            for what, path in paths
            for place in self._places([real[path]] if path in real else [])
        ]
        left = [(what, path) for what, path in paths if path not in real]
        return found, left, _why(look, left, timeout)


def _why(look, left, timeout):
    if not left:
        return None
    path = printable(left[0][1])
    if look.ended:
        return errors.MetadataUnreadable(path, "the look failed")
    return errors.StorageTimeout(path, timeout)


def _require_parts(vm):
    paths = (s.value for disk in vm.disks for s in disk.sources)
    parts = sum(path.count("/") for path in paths)
    if parts > MAX_PARTS:
        raise errors.VmUnclear(f"the paths of its disks have {parts} parts")


def _merge(needs):
    """Without duplicates; a domain known by its UUID only, where it is."""
    known = {
        need.place.domain: need.place
        for need in reversed(needs)
        if need.place.kind != vm_paths.ANY and need.place.sure
    }
    merged = {}
    for need in needs:
        place = need.place
        if place.kind == vm_paths.ANY:
            place = known.get(place.domain, place)
        merged[Need(need.what, place)] = None
    return list(merged)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The storage domains that are in a directory.

A VM may get a directory of the host, by virtiofs or 9p. The directory may be a
domain, or have domains in it. Nothing on a mount that could hang is touched:
a domain is known by the name of the directory, or by the link that VDSM has to
each domain of a pool that is connected:

    <repo_root>/<pool>/<sd> -> <repo_root>/mnt/<mount>/<sd>
"""

from __future__ import annotations

import os

from vdsm_backup.text import is_uuid
from vdsm_backup.vm import links
from vdsm_backup.vm import paths as vm_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vdsm_backup.host.mounts import Mount
    from vdsm_backup.vm.links import Trace
    from vdsm_backup.vm.paths import Location


class SharedDirectories:
    """
    repo_root: see config.py. table: of mounts.table().
    """

    def __init__(self, repo_root: str, table: Sequence[Mount]) -> None:
        self._repo_root = repo_root
        self._table = table
        # Of _of_pools(), once it is needed.
        self._domains: list[tuple[Sequence[str], Location]] | None = None

    def locations(
        self, path: str, trace: Trace, named: Sequence[Location]
    ) -> list[Location]:
        """
        The Locations of a path that may be a directory: those that its names
        tell of, of itself if only its name makes it a candidate, and of the
        domains in it. A candidate that is none is left out, where that can be
        seen.

        path: absolute. trace: of this path. named: by its names.
        """
        candidates = [
            location
            for name in trace.names
            if is_uuid(os.path.basename(name))
            # As if there were a file in it.
            for location in vm_paths.locations(f"{name}/x", self._repo_root)
            if location.candidate
        ]
        found = [*named, *candidates]
        if trace.rest is None:
            found = [x for x in found if not x.candidate or _may_be(x)]
            if not os.path.isdir(path):
                return found
        if self._domains is None:
            self._domains = list(self._of_pools())
        for names, location in self._domains:
            if any(_is_in(name, trace.names) for name in names):
                found.append(location)
        return found

    def _of_pools(self) -> Iterator[tuple[Sequence[str], Location]]:
        """
        (names, Location) of each file domain to which VDSM has a link. The
        names are those behind the link: a guest cannot follow it.
        """
        repo_root = self._repo_root
        for pool in filter(is_uuid, self._listdir(repo_root)):
            directory = os.path.join(repo_root, pool)
            for sd_id in filter(is_uuid, self._listdir(directory)):
                link = os.path.join(directory, sd_id)
                names = links.trace(link, self._table).names[1:]
                for name in names:
                    for found in vm_paths.locations(f"{name}/x", repo_root):
                        if found.kind == vm_paths.FILE and not found.candidate:
                            yield names, found

    def _listdir(self, path: str) -> list[str]:
        if links.trace(path, self._table).rest is not None:
            # It could hang. VDSM's own repository does not.
            return []
        try:
            return os.listdir(path)
        except OSError:
            # No pool was ever connected here.
            return []


def _may_be(candidate: Location) -> bool:
    """Whether this may be a domain. True also if it is not ours to see."""
    if not candidate.directory:
        return True
    try:
        os.lstat(os.path.join(candidate.directory, "dom_md"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        # ValueError: a name that cannot be encoded, which no file has.
        return False
    except OSError:
        return True
    return True


def _is_in(name: str, directories: Sequence[str]) -> bool:
    return any(
        (name + "/").startswith(directory.rstrip("/") + "/")
        for directory in directories
    )

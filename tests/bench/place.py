# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where the bench has its storage: a directory of this run, with mounts and loop
devices. What a killed run leaves, the next run of the bench or of the tests
takes away.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

from tests.support.hooks import vmxml
from tests.support.hooks.hookhost import FileDomain, HookHost
from tests.support.storage import loop
from tests.support.storage.blockdomain import BlockDomain
from vdsm_backup import config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import testhost


class Place:
    """
    directory: of the run. env: of commands that change VGs: lvm that is ours
    alone. minutes: for how long a bridge is measured.
    """

    def __init__(self, directory: str, minutes: float = 5) -> None:
        self.directory = directory
        self.minutes = minutes
        self.env = {"LVM_SYSTEM_DIR": os.environ["LVM_SYSTEM_DIR"]}
        self._mounts: list[str] = []
        self._vgs: list[ListedVg] = []

    def close(self) -> None:
        for vg in self._vgs:
            vg.close()
        if self._mounts:
            subprocess.run(["umount", "-l", *self._mounts], check=True)

    def path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def file(self, name: str, data: bytes) -> str:
        path = self.path(name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def host(self, name: str, io_timeout: float = 600) -> HookHost:
        """
        A host without storage, whose configuration rows use. io_timeout: by
        default so long that no row meets it on a busy machine. What tests set
        otherwise than a host has it, and costs time, is as on a host.
        """
        directory = self.path(name)
        os.mkdir(directory)
        settle = config.DEFAULTS["sanlock"]["settle"]
        return HookHost(directory, io_timeout=io_timeout, settle=settle)

    def mount(self, host: testhost.Host, name: str, source: str = "") -> str:
        """A mount where VDSM has them. source: what is mounted there."""
        path: str = host.add_mount(name)
        source = source or path
        subprocess.run(["mount", "--bind", source, path], check=True)
        self._mounts.append(path)
        return path

    def unmount(self, path: str) -> None:
        """Before what is mounted there goes away."""
        self._mounts.remove(path)
        subprocess.run(["umount", "-l", path], check=True)

    def file_domains(self, host: HookHost, count: int) -> list[FileDomain]:
        """Each on a mount of its own."""
        return [
            host.file_domain(
                mount=self.mount(host.cli, f"server:_export{number}"),
                name=f"data{number}",
            )
            for number in range(count)
        ]

    def vgs(self, count: int) -> list[ListedVg]:
        """The same ones for all who ask: they take a while to make."""
        while len(self._vgs) < count:
            made = ListedVg(self.directory, wwids=[""], DESCRIPTION="san")
            self._vgs.append(made)
        return self._vgs[:count]


class ListedVg(BlockDomain):
    """A block domain that is only read: it has one PV and no LVs."""

    def disk(self, **options: str) -> str:
        """Of a VM; the path is that of the LV which VDSM gives to libvirt."""
        path = f"/dev/{self.sd_id}/{vmxml.VOLUME}"
        return vmxml.disk(path, "block", **options)

    def _make_lvs(self) -> None:
        pass

    def _attach_lvs(self) -> None:
        pass


@contextlib.contextmanager
def make(minutes: float = 5) -> Iterator[Place]:
    with loop.own_directory() as directory:
        place = Place(directory, minutes)
        try:
            yield place
        finally:
            place.close()

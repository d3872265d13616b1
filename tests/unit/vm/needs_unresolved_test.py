# SPDX-License-Identifier: GPL-2.0-or-later
"""What is left to resolve, where a mount could hang."""

import os

from tests.support.vm.needing import MOUNTED, NAS, REPO, SD, disk, finder
from vdsm_backup.vm import links
from vdsm_backup.vm.domxml import Vm


def test_open_paths():
    path = f"{NAS}/{SD}/images/i/v"
    found = finder(MOUNTED).needs(
        Vm(disks=[disk(path, f"{NAS}/x/../y"), disk(path, target="vdb")])
    )
    assert found.unresolved == {
        NAS: [
            ("disk vda", path),
            ("disk vda", f"{NAS}/x/../y"),
            ("disk vdb", path),
        ]
    }
    # The name tells enough of two; of the other nothing is known yet.
    assert [n.device for n in found.known] == ["disk vda", "disk vdb"]


def test_open_path_behind_a_link(tmp_path):
    (tmp_path / "a").symlink_to(f"{NAS}/x")
    found = finder(MOUNTED).needs(Vm(disks=[disk(f"{tmp_path}/a/y")]))
    assert found.unresolved == {NAS: [("disk vda", f"{NAS}/x/y")]}


def test_nothing_on_such_a_mount_is_touched(monkeypatch):
    touched = []
    monkeypatch.setattr(os, "readlink", touched.append)
    monkeypatch.setattr(links, "_readlink", touched.append)
    for call in ("stat", "lstat", "listdir", "open"):
        monkeypatch.setattr(os, call, lambda *args, **kwargs: 1 / 0)
    finder(MOUNTED).needs(Vm(disks=[disk(f"{NAS}/{SD}/images/i/v")]))
    assert touched == ["/rhev", "/rhev/data-center", f"{REPO}/mnt"]

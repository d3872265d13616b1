# SPDX-License-Identifier: GPL-2.0-or-later
"""The check of Gluster mounts: a directory of the test is the mount."""

import os

import pytest

from vdsm_backup import config
from vdsm_backup.doctor import checks, gluster
from vdsm_backup.host.mounts import Mount

OPEN_BEHIND = "performance.open-behind"


@pytest.fixture
def options(host):
    return config.load(host.config)


@pytest.fixture
def check_mount(tmp_path, options):
    point = tmp_path / "mnt"
    active = point / ".meta" / "graphs" / "active"
    active.mkdir(parents=True)

    def check(
        *translators,
        fs_type="fuse.glusterfs",
        directories=("a", "b"),
        source="server:/data",
    ):
        for name in translators:
            (active / name).touch()
        table = [
            Mount("/", "ext4", "/dev/vda1", "rw", "/"),
            Mount(str(point), fs_type, source, "rw", "/"),
        ]
        paths = [os.path.join(point, directory) for directory in directories]
        return list(gluster.check(paths, table, options))

    check.active = active
    return check


def test_as_a_volume_is_made(check_mount):
    (found,) = check_mount("data", "data-md-cache", "data-open-behind")
    assert (found.check, found.state) == (
        "gluster server:/data",
        checks.NOTE,
    )
    assert "unreadable" in found.text
    assert found.hint == (
        "gluster volume set data performance.stat-prefetch off;"
        " gluster volume set data performance.open-behind off"
    )


def test_one_of_them_is_enough(check_mount):
    (found,) = check_mount("data-open-behind")
    assert found.text.startswith(f"{OPEN_BEHIND} on: ")
    assert found.hint == f"gluster volume set data {OPEN_BEHIND} off"


@pytest.mark.parametrize(
    "source", ["server:data", "server:/data/vms", "[fd00::1]:/data"]
)
def test_ways_to_name_a_volume(check_mount, source):
    (found,) = check_mount("data-open-behind", source=source)
    assert found.hint == f"gluster volume set data {OPEN_BEHIND} off"


def test_domain_behind_a_link(check_mount, tmp_path):
    os.symlink(tmp_path / "mnt", tmp_path / "_data")
    (found,) = check_mount("data", directories=[tmp_path / "_data" / "sd"])
    assert found.check == "gluster server:/data"


def test_no_mount_is_known(options):
    assert list(gluster.check(["/a"], [], options)) == []


def test_well(check_mount):
    (found,) = check_mount("data", "data-dht")
    assert found.state == checks.OK


def test_what_cannot_be_seen(check_mount):
    os.rmdir(check_mount.active)
    (found,) = check_mount()
    assert found.state == checks.UNKNOWN
    assert "No such file" in found.text


def test_other_file_systems_are_not_touched(check_mount):
    assert check_mount("data-md-cache", fs_type="nfs4") == []
    assert check_mount("data-md-cache", directories=()) == []
    assert check_mount("data-md-cache", directories=("/elsewhere",)) == []


def test_doctor_asks_for_domains_that_it_can_see(host, monkeypatch):
    asked = []

    def check(directories, table, options):
        asked.extend(directories)
        yield checks.Finding("gluster x", checks.NOTE, "text")

    monkeypatch.setattr(gluster, "check", check)
    sd_id = host.domain(5)
    told = host.json("doctor").json["checks"]
    assert [c for c in told if c["name"] == "gluster x"]
    assert os.path.join(host.mount, sd_id) in asked

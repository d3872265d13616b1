# SPDX-License-Identifier: GPL-2.0-or-later
"""Following links on a mount, in a child process."""


from tests.support.hooks import domxmldata
from tests.support.processes import failing
from tests.support.vm import slow_links
from vdsm_backup import errors
from vdsm_backup.host.mounts import Mount
from vdsm_backup.processes import stuck
from vdsm_backup.vm import needs
from vdsm_backup.vm.paths import FILE, Location

SD = domxmldata.SD1
REPO = domxmldata.REPO_ROOT


def finder():
    root = Mount("/", "ext4", "/dev/vda1", "rw", "/")
    return needs.Finder(REPO, "/dev", [root])


def location():
    return Location(SD, FILE, f"{REPO}/mnt/m/{SD}")


def test_resolve(tmp_path):
    domain = tmp_path / SD
    domain.mkdir()
    (domain / "disk").write_text("")
    for name in ("a", "b"):
        (tmp_path / name).symlink_to(f"{SD}/disk")
    (tmp_path / "c").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    odd = tmp_path / "$(x);\n\u202e'\udcff"
    odd.symlink_to(domain / "disk")
    paths = [
        ("disk vda", f"{tmp_path}/a"),
        ("disk vdb", f"{tmp_path}/b"),
        ("disk vdb", f"{tmp_path}/b"),
        ("disk vdc", f"{tmp_path}/c"),
        ("disk vdd", f"{tmp_path}/loop"),
        ("disk vde", f"{tmp_path}/{SD}/../x"),
        ("disk vdf", str(odd)),
        ("disk vdg", f"{tmp_path}/not/there"),
    ]
    found, left, why = finder().resolve(paths, 20)
    assert (left, why) == ([], None)
    there = Location(SD, FILE, str(domain), candidate=True)
    assert found == [
        needs.Need(f"disk {target}", there)
        for target in ("vda", "vdb", "vdb", "vdf")
    ]


def test_resolve_into_vdsms_tree(tmp_path):
    (tmp_path / "a").symlink_to(f"{REPO}/mnt/m/{SD}/images/i/v")
    found, _, _ = finder().resolve([("disk vda", f"{tmp_path}/a")], 20)
    assert found == [needs.Need("disk vda", location())]


def test_an_option_is_a_path():
    assert finder().resolve([("disk vda", "--help")], 20) == ([], [], None)


def test_the_look_fails(monkeypatch):
    monkeypatch.setattr(needs, "RESOLVE_LINKS", failing.__name__)
    asked = [("disk vda", "/\x1b[2J")]
    found, left, why = finder().resolve(asked, 20)
    assert (found, left) == ([], asked)
    assert isinstance(why, errors.MetadataUnreadable)
    assert str(why).endswith("/\\x1b[2J: following links failed")


def test_the_look_hangs(monkeypatch):
    monkeypatch.setattr(needs, "RESOLVE_LINKS", slow_links.__name__)
    asked = [("disk vda", "/b"), ("disk vdb", "/\x1b")]
    found, left, why = finder().resolve(asked, 2)
    # What it has said before counts.
    assert [need.device for need in found] == ["disk vda"]
    assert left == asked[1:]
    assert isinstance(why, errors.StorageTimeout)
    assert str(why).startswith("/\\x1b did not")
    assert all(p.poll() is not None for p in stuck._left)

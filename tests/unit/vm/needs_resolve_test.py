# SPDX-License-Identifier: GPL-2.0-or-later
"""Following links on a mount, in a child process."""

import json
import os

from tests.support.hooks import domxmldata
from tests.support.processes import failing
from tests.support.vm import slow_links
from tests.support.vm.mounttable import ROOT
from vdsm_backup import errors
from vdsm_backup.processes import stuck
from vdsm_backup.vm import links, needs, resolve_links
from vdsm_backup.vm.paths import BLOCK, FILE, Location

SD, OTHER = domxmldata.SD1, domxmldata.SD2
REPO = domxmldata.REPO_ROOT


def finder():
    return needs.Finder(REPO, "/dev", [ROOT])


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


def test_every_name_on_the_way_counts(tmp_path):
    # Its end has no domain's name, as /dev/dm-7 has none.
    (tmp_path / "dm-7").write_text("")
    (tmp_path / SD).mkdir()
    (tmp_path / SD / "volume").symlink_to("../dm-7")
    (tmp_path / "link").symlink_to(f"{SD}/volume")
    asked = [("disk vda", f"{tmp_path}/link")]
    lvs = needs.Finder(REPO, str(tmp_path), [ROOT])
    assert lvs.resolve(asked, 20) == (
        [needs.Need("disk vda", Location(SD, BLOCK))],
        [],
        None,
    )


def test_a_domain_within_another(tmp_path):
    repo = str(tmp_path / "repo")
    above = f"{repo}/mnt/m/{SD}"
    os.makedirs(f"{above}/images/{OTHER}/dom_md")
    asked = [("disk vda", f"{above}/images/{OTHER}/x")]
    found, _, _ = needs.Finder(repo, "/dev", [ROOT]).resolve(asked, 20)
    assert [need.location for need in found] == [
        Location(SD, FILE, above),
        Location(OTHER, FILE, f"{above}/images/{OTHER}", candidate=True),
    ]


def test_beyond_the_limits(tmp_path):
    count = 30
    for n in range(count):
        (tmp_path / str(n)).symlink_to("./x/../" * 500 + str(n + 1))
    (tmp_path / "x").mkdir()
    (tmp_path / "ok").symlink_to(f"{REPO}/mnt/m/{SD}/i/v")
    # One path is no bomb; the fourth one is beyond the limit.
    copies = [f"/{'/' * n}{tmp_path}/0" for n in range(4)]
    asked = [(f"disk vd{n}", path) for n, path in enumerate(copies)]
    asked.append(("disk vdz", f"/{tmp_path}/ok"))
    found, left, why = finder().resolve(sorted(asked), 60)
    assert isinstance(why, errors.MetadataUnreadable)
    assert str(why).endswith(f"have more than {links.MAX_PARTS} parts")
    assert 0 < len(left) < len(asked)


def test_links_that_name_too_many_places(tmp_path):
    names = [
        f"{n:08x}-0000-4000-8000-000000000000"
        for n in range(2 * needs.MAX_LOCATIONS + 1)
    ]
    for n in range(0, len(names), 100):
        deep = "/".join(names[n : n + 100])
        (tmp_path / str(n)).symlink_to(f"/{deep}/x")
    asked = [("disk vda", f"{tmp_path}/{n}") for n in os.listdir(tmp_path)]
    found, left, why = finder().resolve(asked, 20)
    assert (found, left) == ([], asked)
    assert str(why).endswith("more than 256 places")


def test_many_disks_with_one_path_to_many_places(tmp_path, monkeypatch):
    deep = "/".join(f"{n:08x}-0000-4000-8000-000000000000" for n in range(100))
    (tmp_path / "a").symlink_to(f"/{deep}/x")
    asked = [(f"disk vd{n}", f"{tmp_path}/a") for n in range(20)]
    assert len(finder().resolve(asked, 20)[0]) == 2000
    monkeypatch.setattr(links, "MAX_PARTS", 1999)
    found, left, why = finder().resolve(asked, 20)
    assert (found, left) == ([], asked)
    assert str(why).endswith("more than 1999 parts")


def test_a_link_that_is_not_ours_to_see(tmp_path, mocker, capsys):
    """As /proc/1/root is to user vdsm. Nothing of it is said, all else is."""
    real = os.readlink

    def readlink(path, **kwargs):
        if path.startswith("/proc/1/"):
            raise PermissionError(path)
        return real(path, **kwargs)

    mocker.patch("os.readlink", readlink)
    (tmp_path / "a").symlink_to("/proc/1/root/x")
    (tmp_path / "b").symlink_to("c")
    resolve_links.main([f"{tmp_path}/a", f"{tmp_path}/b"])
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["path"] for line in said if "followed" in line] == [
        f"{tmp_path}/a",
        f"{tmp_path}/b",
    ]
    assert {"path": f"{tmp_path}/b", "name": f"{tmp_path}/c"} in said


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
    asked = [("disk vda", "/b"), ("disk vdb", "/\x1b"), ("disk vdc", "/c")]
    found, left, why = finder().resolve(asked, 2)
    # What it has said before counts, also of a path on which it hangs.
    assert [need.device for need in found] == ["disk vda", "disk vdc"]
    assert left == asked[1:]
    assert isinstance(why, errors.StorageTimeout)
    assert str(why).startswith("/\\x1b did not")
    assert all(p.poll() is not None for p in stuck._left)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Following links: every name on the way of a path.

Mounts are in links_mounts_test.py, domains that are met in
links_domains_test.py, devices in links_dm_test.py, limits in
links_limits_test.py.
"""

import os

import pytest

from tests.support.vm.mounttable import ROOT
from vdsm_backup.vm.links import MAX_LINKS, Trace, trace

SD = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101"
OTHER = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1102"


@pytest.fixture
def names(tmp_path):
    """What trace() finds below tmp_path, all of it local."""

    def names(path):
        found = trace(f"{tmp_path}/{path}", [ROOT])
        assert (found.mount, found.rest) == (None, None)
        return [os.path.relpath(name, tmp_path) for name in found.names]

    return names


def test_no_link(names, tmp_path):
    (tmp_path / "a").write_text("")
    assert names("a") == ["a"]
    assert names("./a//") == ["a"]
    assert names("not/there") == ["not/there"]


def test_chain(names, link, tmp_path):
    link("1", "2")
    link("2", tmp_path / "3")
    link("3", "a/../4")
    (tmp_path / "a").mkdir()
    # A name with ".." in it is none: what ".." is, is seen on the way.
    assert names("1") == ["1", "2", "3", "4"]


def test_link_in_the_middle(names, link):
    link("pool/sd", "../mnt/sd")
    assert names("pool/sd/x/y") == ["pool/sd/x/y", "mnt/sd/x/y"]


def test_from_one_domain_into_another(names, link):
    link(f"{SD}/disk", f"../{OTHER}/disk")
    assert names(f"{SD}/disk") == [f"{SD}/disk", f"{OTHER}/disk"]


def test_into_a_domain_and_out_of_it(names, link, tmp_path):
    link("a", f"{SD}/b")
    link(f"{SD}/b", tmp_path / "c")
    assert names("a") == ["a", f"{SD}/b", "c"]


def test_dangling(names, link):
    link("a", f"gone/{SD}/x")
    assert names("a") == ["a", f"gone/{SD}/x"]


@pytest.mark.parametrize("target", ["loop", "./loop/x"])
def test_loop(names, link, target):
    link("loop", target)
    assert names("loop")[0] == "loop"


def test_loop_through_a_domain(names, link):
    link("a", f"{SD}/b")
    link(f"{SD}/b", "../a")
    assert names("a") == ["a", f"{SD}/b"]


def test_as_many_links_as_the_kernel_follows(names, link, tmp_path):
    count = MAX_LINKS
    for n in range(count + 1):
        link(str(n), str(n + 1))
    (tmp_path / str(count + 1)).write_text("x")
    assert names("1")[-1] == str(count + 1)
    assert (tmp_path / "1").read_text() == "x"
    # One more, and no file is there.
    with pytest.raises(OSError):
        (tmp_path / "0").read_text()
    assert str(count + 1) not in names("0")


# "..": what the kernel makes of it, not what text does


def test_dots_out_of_a_domain(names):
    assert names(f"{SD}/../x") == ["x"]
    assert names(f"{SD}/images/../../{OTHER}/x") == [f"{OTHER}/x"]


def test_dots_above_the_root():
    assert trace("/../../x", [ROOT]).names == ("/x",)


def test_dots_after_a_link(names, link, tmp_path):
    # By text it would be "x"; the kernel goes up from where the link leads.
    link("link", f"mnt/{SD}/images")
    (tmp_path / "mnt" / SD / "images").mkdir(parents=True)
    assert names("link/../x") == [f"mnt/{SD}/x"]


def test_dots_that_only_text_sees_in_a_domain(names, link, tmp_path):
    link(f"{SD}/link", "../a/b")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert names(f"{SD}/link/../x") == ["a/x"]


def test_target_with_dots(names, link):
    link("pool/sd/disk", f"../../{SD}/x/../disk")
    assert names("pool/sd/disk") == ["pool/sd/disk", f"{SD}/disk"]


def test_target_with_dots_after_a_link(names, link, tmp_path):
    link("a", "b/../disk")
    link("b", f"{SD}/images")
    (tmp_path / SD / "images").mkdir(parents=True)
    assert names("a") == ["a", f"{SD}/disk"]


# Names that are none


@pytest.mark.parametrize(
    "name",
    ["$(reboot)", "a;b", "a\nb", "a b'\"", "-x", "*", "\u202e", "\udcff"],
)
def test_any_character(names, link, name):
    link("a", name)
    assert names("a") == ["a", name]
    assert names(name) == [name]


def test_nul():
    assert trace("/a\0b", [ROOT]) == Trace(())
    assert trace(f"/{SD}/a\0", [ROOT]) == Trace(())


def test_no_file_can_have_it():
    for name in ("/" + "x" * 300, "/a\ud800"):
        assert trace(name, [ROOT]).names == (name,)


def test_not_ours_to_see(mocker):
    mocker.patch("os.readlink", side_effect=PermissionError)
    assert trace("/a/b", [ROOT]).names == ("/a/b",)


def test_two_slashes():
    assert trace("//a", [ROOT]).names == ("/a",)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Domains on the way of a path, told of as they are met."""

import os

import pytest

from tests.support.vm.mounttable import ROOT, mount
from vdsm_backup.vm import links
from vdsm_backup.vm.links import trace

SD = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101"
OTHER = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1102"


@pytest.fixture
def domains(tmp_path):
    """The domains that trace() finds below tmp_path, all of it local."""

    def domains(path, table=(ROOT,)):
        found = trace(f"{tmp_path}/{path}", table).domains
        return [os.path.relpath(path, tmp_path) for path in found]

    return domains


def make_domain(path):
    (path / "dom_md").mkdir(parents=True)


def test_a_domain_within_a_domain(domains, tmp_path):
    make_domain(tmp_path / SD)
    make_domain(tmp_path / SD / "images" / OTHER)
    assert domains(f"{SD}/images/{OTHER}/x") == [f"{SD}/images/{OTHER}", SD]
    # The directory itself is no disk.
    assert domains(f"{SD}/images/{OTHER}") == [SD]


def test_no_domain(domains, tmp_path):
    (tmp_path / SD / "images" / OTHER).mkdir(parents=True)
    make_domain(tmp_path / "data")
    (tmp_path / "data" / OTHER).write_text("")
    assert domains(f"{SD}/images/{OTHER}/x") == []
    assert domains(f"data/{OTHER}/x") == []


def test_a_domain_with_a_link_out_of_it(domains, link, tmp_path):
    make_domain(tmp_path / "a" / SD)
    link(f"a/{SD}/x", tmp_path / "b" / OTHER / "x")
    make_domain(tmp_path / "b" / OTHER)
    assert domains(f"a/{SD}/x") == [f"a/{SD}", f"b/{OTHER}"]


def test_a_domain_that_is_left_by_dots(domains, tmp_path):
    make_domain(tmp_path / SD)
    make_domain(tmp_path / OTHER)
    assert domains(f"{SD}/../{OTHER}/x") == [OTHER]


def test_a_closed_directory_may_be_a_domain(domains, mocker):
    mocker.patch("os.lstat", side_effect=PermissionError)
    assert domains(f"{SD}/x") == [SD]


def test_what_could_hang_in_a_directory_may_be_its_dom_md(
    domains, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "lstat", lambda path: 1 / 0)
    table = [ROOT, mount(tmp_path / SD / "dom_md")]
    assert domains(f"{SD}/x", table) == [SD]


def test_each_directory_is_looked_at_once(domains, link, tmp_path, mocker):
    make_domain(tmp_path / SD)
    for n in range(9):
        link(f"{SD}/{n}", str(n + 1))
    looked = mocker.spy(os, "lstat")
    assert domains(f"{SD}/0") == [SD]
    assert looked.call_count == 1


# As it is found


def test_a_step_is_told_before_more_is_touched(link, tmp_path, monkeypatch):
    """What it hangs on later does not hide what it has met before."""
    link("a", f"{SD}/b")
    link(f"{SD}/b", "/c/d")
    make_domain(tmp_path / SD)
    real = os.readlink

    def readlink(path, **kwargs):
        if path == "/c":
            raise ZeroDivisionError
        return real(path, **kwargs)

    monkeypatch.setattr(os, "readlink", readlink)
    steps = links.follow(f"{tmp_path}/a", links.Limits())
    met = []
    with pytest.raises(ZeroDivisionError):
        for step in steps:
            met.append((step.kind, step.path))
    assert met == [
        (links.NAME, f"{tmp_path}/a"),
        (links.NAME, f"{tmp_path}/{SD}/b"),
        (links.DOMAIN, f"{tmp_path}/{SD}"),
        (links.NAME, "/c/d"),
    ]

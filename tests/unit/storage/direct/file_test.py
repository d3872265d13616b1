# SPDX-License-Identifier: GPL-2.0-or-later
"""A file domain at a place, and a candidate for one that may be none."""

import os

import pytest

from tests.support.processes import proc
from tests.support.storage.readplace import A, directory, read, read_soon
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.fileio import choose
from vdsm_backup.vm.paths import ANY, FILE, Location, NotADomain


def test_a_file_domain(host, no_search):
    sd = host.domain(5)
    place = Location(sd, FILE, directory(host, sd))
    assert read(host, place)["SDUUID"] == sd


def test_a_candidate_that_is_a_domain(host, no_search):
    sd = host.domain(5)
    place = Location(sd, FILE, directory(host, sd), candidate=True)
    assert read(host, place)["SDUUID"] == sd


@pytest.mark.parametrize("below", ["", "images", "dom_md-not"])
def test_a_candidate_that_is_none(host, tmp_path, below):
    path = tmp_path / A
    os.makedirs(path / below)
    with pytest.raises(NotADomain):
        read(host, Location(A, FILE, str(path), candidate=True))


def test_a_candidate_that_is_a_file(host, tmp_path):
    (tmp_path / A).write_text("")
    with pytest.raises(NotADomain):
        read(host, Location(A, FILE, str(tmp_path / A), candidate=True))


@pytest.mark.parametrize("left", ["metadata", "ids", "leases"])
def test_a_candidate_that_is_a_damaged_domain(host, tmp_path, left):
    os.makedirs(tmp_path / A / "dom_md")
    # Of a directory nobody knows whether it is the file in another shape.
    os.mkdir(tmp_path / A / "dom_md" / left)
    with pytest.raises(errors.Error):
        read_soon(host, Location(A, FILE, str(tmp_path / A), candidate=True))


def test_a_candidate_whose_dom_md_is_empty(host, tmp_path):
    os.makedirs(tmp_path / A / "dom_md")
    (tmp_path / A / "dom_md" / "notes").write_text("")
    with pytest.raises(NotADomain):
        read(host, Location(A, FILE, str(tmp_path / A), candidate=True))


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_candidate_whose_dom_md_is_no_directory(host, tmp_path, kind):
    """Nobody knows what is in it: that is no ENOENT."""
    os.mkdir(tmp_path / A)
    if kind == "file":
        (tmp_path / A / "dom_md").write_text("")
    else:
        (tmp_path / A / "dom_md").symlink_to(tmp_path)
    with pytest.raises(errors.MetadataUnreadable):
        read(host, Location(A, FILE, str(tmp_path / A), candidate=True))


def test_where_vdsm_has_domains_an_empty_one_is_one(host):
    os.makedirs(os.path.join(directory(host, A), "dom_md"))
    with pytest.raises(errors.Unreadable):
        read_soon(host, Location(A, FILE, directory(host, A)))


def test_no_child_is_left(host, monkeypatch):
    opened, real = [], choose.open

    def open_and_tell(*args, **more):
        opened.append(real(*args, **more))
        return opened[-1]

    monkeypatch.setattr(choose, "open", open_and_tell)
    sd = host.domain(5)
    read(host, Location(sd, FILE, directory(host, sd)))
    (io,) = opened
    wait_until(lambda: not proc.alive(io.pid))


def test_a_name_that_only_looks_like_a_transient_disk(host):
    with pytest.raises(NotADomain):
        read(host, Location(A, ANY, candidate=True))
    sd = host.domain(5)
    assert read(host, Location(sd, ANY, candidate=True))["SDUUID"] == sd

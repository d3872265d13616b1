# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a path may be, and how long it may take to follow it."""

import os
import time

import pytest

from tests.support.vm.mounttable import ROOT
from vdsm_backup import errors
from vdsm_backup.vm import links
from vdsm_backup.vm.links import MAX_LINKS, trace


@pytest.fixture
def bomb(link):
    """A path whose links make it many times as long as it is."""
    count = 30
    for n in range(count):
        link(str(n), "./x/../" * 500 + str(n + 1))
    link(str(count), "end")
    return "0"


def test_links_that_lead_to_many_parts(bomb, tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    path = f"{tmp_path}/{bomb}"
    assert trace(path, [ROOT]).names[-1] == f"{tmp_path}/end"
    monkeypatch.setattr(links, "MAX_PARTS", 20_000)
    with pytest.raises(errors.VmUnclear, match="more than 20000 parts"):
        trace(path, [ROOT])


def test_the_limit_is_one_for_all_paths(monkeypatch):
    monkeypatch.setattr(links, "MAX_PARTS", 10)
    limits = links.Limits()
    for _ in range(2):
        trace("/a/b/c/d/e", [ROOT], limits)
    with pytest.raises(errors.VmUnclear, match="parts"):
        trace("/a", [ROOT], limits)


def test_the_longest_path_of_the_kernel_is_within_the_limit():
    assert (MAX_LINKS + 1) * links.MAX_PATH / 2 < links.MAX_PARTS


def test_the_deadline_is_looked_at_at_each_link(link, tmp_path, monkeypatch):
    link("a", "b")
    link("b", "c")
    now = [0]
    real = os.readlink

    def readlink(path, **kwargs):
        target = real(path, **kwargs)
        now[0] += 1
        return target

    monkeypatch.setattr(os, "readlink", readlink)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    names = []
    with pytest.raises(errors.VmUnclear, match="takes too long"):
        for step in links.follow(f"{tmp_path}/a", links.Limits(2)):
            names.append(os.path.basename(step.path))
    assert names == ["a", "b"]


def test_the_time_is_over_before(touched):
    with pytest.raises(errors.VmUnclear, match="takes too long"):
        trace("/a", [ROOT], links.Limits(time.monotonic()))
    assert touched == []

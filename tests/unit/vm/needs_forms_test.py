# SPDX-License-Identifier: GPL-2.0-or-later
"""What a VM needs, of each form of a disk and a lease that VDSM makes."""

import functools

import pytest

from tests.support.hooks import domxmldata
from tests.support.vm.mounttable import ROOT
from tests.support.vm.needing import MOUNTED, NAS, finder
from vdsm_backup.vm import links
from vdsm_backup.vm.domxml import parse
from vdsm_backup.vm.paths import FILE, Location


@pytest.fixture
def sysfs(tmp_path, monkeypatch):
    """The names of dm-N that a sample asks for."""

    def make(dm):
        for device, name in dm.items():
            path = tmp_path / "block" / device / "dm"
            path.mkdir(parents=True)
            (path / "name").write_text(name + "\n")
        trace = functools.partial(links.trace, sysfs=str(tmp_path))
        monkeypatch.setattr(links, "trace", trace)

    return make


@pytest.mark.parametrize("table", [[ROOT], MOUNTED], ids=["bare", "mounted"])
@pytest.mark.parametrize("name", domxmldata.names())
def test_every_form(name, table, sysfs):
    sample = domxmldata.load(name)
    sysfs(sample.dm)
    found = finder(table).needs(parse(sample.xml))
    wanted = {
        (f"disk {target}", domain)
        for target, domains in sample.disks.items()
        for domain in domains
    }
    wanted |= {("a lease", domain) for domain in sample.leases}
    assert {(n.device, n.location.domain) for n in found.known} == wanted
    # A transient disk is known by the name of its file only.
    transient = name.startswith("transient")
    assert all(transient or not n.location.candidate for n in found.known)
    assert set(found.unresolved) <= {m.point for m in table[1:]}


def test_a_form_on_other_domains():
    new = "11111111-2222-4333-8444-555555555555"
    sample = domxmldata.load("file-mnt-1.xml", sd1=new)
    (need,) = finder().needs(parse(sample.xml)).known
    assert need.location == Location(new, FILE, f"{NAS}/{new}")

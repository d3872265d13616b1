# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured in VDSM does what its row says."""

import pytest

from tests.bench import place
from tests.bench.rows import plugin
from tests.support.vdsm import vdsmhost

pytestmark = pytest.mark.skipif(
    bool(plugin.missing()), reason=plugin.missing() or "it is there"
)


@pytest.fixture(scope="module")
def here():
    with place.make() as made:
        yield made


@pytest.fixture(scope="module")
def vdsm(here):
    with vdsmhost.Host(here.path("vdsm")) as host:
        yield plugin.Vdsm(host)


@pytest.fixture(scope="module")
def plain(here):
    with vdsmhost.Host(here.path("plain"), plugin=False) as host:
        yield plugin.Vdsm(host)


def test_a_transaction_writes_each_time(vdsm):
    names = set()
    for _ in range(2):
        vdsm.transaction()
        names.add(vdsm.host.info(vdsm.sd_id)["name"])
    assert names == {"data1", "data2"}


def test_reads_are_those_of_one_transaction(vdsm, plain):
    for one in (vdsm, plain):
        assert len({one.reads_of_transaction() for _ in range(3)}) == 1
    assert vdsm.reads_of_transaction() == plain.reads_of_transaction() + 1


def test_the_looks_read_the_flag(vdsm):
    assert vdsm.look_twice() > 0
    vdsm.host.do(plugin.bench.reads)
    vdsm.look_twice()
    assert vdsm.host.do(plugin.bench.reads) == 2
    vdsm.host.set_backup(vdsm.sd_id)
    with pytest.raises(AssertionError, match="error 994"):
        vdsm.look_twice()

# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk that is replicated: where it goes to."""

import pytest

from tests.support.vdsm.gatedvm import Gate, Refused, calls
from tests.support.vdsm.vdsmvms import drive


@pytest.mark.parametrize("second", [False, True])
def test_replicate(cif, vm, second):
    source, target = drive("one"), drive("two")
    del target["device"]
    before = dict(target)
    Gate.answers = [not second, True]
    with pytest.raises(Refused):
        vm.diskReplicateStart(source, target)
    prepared = ["prepare two", "teardown two"] if second else []
    assert calls(cif) == prepared
    Gate.answers = []
    answer = vm.diskReplicateStart(source, target, need_extend=False)
    assert answer == {"status": "started, False"}
    # Only where it goes to.
    assert {str(asked[3]) for asked in Gate.asked} == {"['two']"}
    assert target == before


def test_replicate_keeps_the_errors_of_the_original(cif, vm):
    cif.broken = ["two"]
    answer = vm.diskReplicateStart(drive("one"), drive("two"))
    assert answer == {"status": "replicaErr"}

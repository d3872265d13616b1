# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM that VDSM finds again is told of, and never refused."""

import threading

import pytest

from tests.support.vdsm.gatedvm import Gate, Refused, make_vm
from tests.support.vdsm.vdsmvms import drive


def test_recovery(cif, vm):
    Gate.answers = [True, True]
    vm.preparePaths()
    assert Gate.asked == [
        ("note recover", "VM web1", "vm-id", [], "<domain/>")
    ]
    make_vm(cif, recover=True)._preparePathsForDrives([drive("one")])
    assert len(Gate.asked) == 1
    # Only while it lasts, also if it fails.
    cif.broken = ["one"]
    with pytest.raises(ValueError):
        vm.preparePaths()
    with pytest.raises(Refused):
        vm._preparePathsForDrives([drive("one")])


def test_recovery_of_one_vm_while_another_starts(cif, vm):
    """What is known of a thread is not known of others."""
    raised = []

    def start():
        try:
            make_vm(cif)._preparePathsForDrives([drive("two")])
        except Refused as e:
            raised.append(e)

    def prepare(*args, **kwargs):
        del cif.prepareVolumePath
        other = threading.Thread(target=start)
        other.start()
        other.join()

    Gate.answers = [True]
    cif.prepareVolumePath = prepare
    vm.preparePaths()
    assert len(raised) == 1

# SPDX-License-Identifier: GPL-2.0-or-later
"""A migration that comes in."""

import pytest

from tests.support.vdsm import vdsmvms
from tests.support.vdsm.gatedvm import Gate, Refused, calls, guarded, make_vm
from tests.support.vdsm.vdsmvms import drive
from vdsm_backup.plugin import gates


def test_incoming_migration_is_checked_when_prepared_only(cif):
    vm = make_vm(cif, origin=vdsmvms.MIGRATION_ORIGIN)
    Gate.answers = [True]
    with pytest.raises(Refused):
        vm._preparePathsForDrives([drive("one")])
    assert [asked[0] for asked in Gate.asked] == ["migrate-in"]
    assert calls(cif) == ["prepare one", "teardown one"]


def test_migration_create():
    api = guarded(vdsmvms.ApiVM, migrationCreate=gates.migration_create)(
        "vm-id"
    )
    params = {"_srcDomXML": "source", "xml": "engine", "vmName": "x"}
    assert api.migrationCreate(params, 3) == {"params": params, "limit": 3}
    api.migrationCreate({"xml": "engine"})
    api.migrationCreate({})
    assert Gate.asked == [
        ("migrate-in", "VM x", "vm-id", [], "source"),
        ("migrate-in", "VM vm-id", "vm-id", [], "engine"),
    ]
    Gate.answers = [True]
    answer = api.migrationCreate(params, incomingLimit=3)
    assert answer == {"status": {"code": 994, "message": "refused"}}


def test_a_vm_that_is_here_already_is_refused_by_vdsm():
    api = guarded(vdsmvms.ApiVM, migrationCreate=gates.migration_create)(
        "vm-id"
    )
    api._cif.vms = {api._UUID: "it"}
    assert api.migrationCreate({"xml": "engine"})["limit"] is None
    assert Gate.asked == []

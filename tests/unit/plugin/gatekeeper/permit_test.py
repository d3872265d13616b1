# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM with a permit."""

import pytest

from tests.support.hooks import permitfile
from tests.support.hooks.permitfile import VM
from tests.support.vdsm.gatekept import ONE, TWO, XML, refusal
from tests.support.vdsm.vdsmvms import drive
from vdsm_backup import errors

pytest_plugins = ["tests.support.journalentries"]


@pytest.fixture
def permit(path, gate, tmp_path):
    path.write_text(f"[guard]\npermits = {tmp_path}/permits\n")
    permitfile.write(tmp_path / "permits", VM, permitfile.content(VM))


@permitfile.needs_root
@pytest.mark.parametrize(
    "operation", ["run", "migrate-in", "hotplug", "replicate-to"]
)
def test_a_permit(gate, world, entries, permit, caplog, operation):
    world.flags = {ONE: True, TWO: errors.MetadataUnreadable(TWO, "I/O")}
    gate.require_allowed(operation, "VM x", VM, xml=XML)
    assert [(e["code"], e["answer"]) for e in entries] == [
        (994, "allowed"),
        (995, "allowed"),
    ]
    assert "goes on, permitted until" in caplog.text
    assert (
        refusal(gate.require_allowed, operation, "VM y", ONE, xml=XML).code
        == 994
    )


@permitfile.needs_root
def test_a_preview_is_of_no_vm(gate, world, permit):
    world.flags = {ONE: True}
    assert (
        refusal(
            gate.require_allowed,
            "preview",
            "A VM",
            drives=[drive("a", domainID=ONE)],
        ).code
        == 994
    )
    assert refusal(gate.require_allowed, "format", None, domain=ONE).code

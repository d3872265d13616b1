# SPDX-License-Identifier: GPL-2.0-or-later
"""A domain as a whole, that is to be formatted."""

from tests.support.vdsm.gatekept import ONE, refusal
from vdsm_backup import errors
from vdsm_backup.plugin import gatekeeper

pytest_plugins = ["tests.support.journalentries"]


def test_a_flagged_domain_that_is_to_be_formatted(gate, world, entries):
    world.flags = {ONE: True}
    raised = refusal(gate.require_allowed, "format", None, domain=ONE)
    assert str(raised) == (
        "Backup domain 5e6f cannot be formatted, clear the flag first"
        " (set by me: why) (error 9605)"
    )
    (entry,) = entries
    assert (entry["vm"], entry["vm_id"]) == (None, None)
    assert entry["disk"] == "the domain"


def test_an_unreadable_domain_that_is_to_be_formatted(gate, world, entries):
    world.flags = {ONE: errors.MetadataUnreadable(ONE, "I/O error")}
    gate.require_allowed("format", None, domain=ONE)
    (entry,) = entries
    assert (entry["code"], entry["answer"]) == (961, "allowed")


def test_a_fault_of_ours_formats_nothing(gate, path, entries, monkeypatch):
    monkeypatch.setattr(gatekeeper, "needs_of_drives", lambda drives: 1 / 0)
    assert refusal(gate.require_allowed, "format", None, domain=ONE).code
    assert entries[0]["code"] == 999
    path.write_text("[guard]\nmode = permissive\n")
    gate.require_allowed("format", None, domain=ONE)

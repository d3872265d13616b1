# SPDX-License-Identifier: GPL-2.0-or-later
"""What a permit lifts, and that this is told."""

import pytest

from tests.support.hooks import permitfile
from tests.support.hooks.permitfile import OTHER, VM, make, needs_root, write
from vdsm_backup import errors
from vdsm_backup.guard import audit, permits, policy
from vdsm_backup.guard.verdict import Finding, Verdict
from vdsm_backup.host import journal
from vdsm_backup.metadata.flag import Flag

pytest_plugins = ["tests.support.journalentries"]


def verdict(operation="run", settings=None):
    flagged = Finding("d", "backups", ["disk vda"], Flag(True))
    unknown = Finding(
        "e", "e", ["disk vdb"], error=errors.MetadataUnreadable("e", "I/O")
    )
    settings = settings or policy.Settings()
    return Verdict(operation, settings, [flagged, unknown])


@needs_root
def test_it_lifts_both_kinds_of_refusals_and_is_told(directory, entries):
    permit = make(directory)
    entries.clear()
    found = audit.permitted(verdict(), directory, "VM web1", VM)
    assert found.allowed and found.permit == permit
    assert audit.tell(found, "VM web1", VM) == []
    assert [e["code"] for e in entries] == [994, 995]
    for entry in entries:
        assert entry["answer"] == "allowed"
        assert entry["message"].startswith(
            f"Not refused, permitted until {permit.until} by root@host1: the"
            " mail server: VM web1 may start, though disk vd"
        )
        assert (entry["by"], entry["reason"]) == (permit.by, permit.reason)
        assert entry["priority"] == journal.WARNING


@needs_root
@pytest.mark.parametrize("vm_id", [None, "", OTHER])
def test_of_another_vm_it_lifts_nothing(directory, entries, vm_id):
    make(directory)
    entries.clear()
    found = audit.permitted(verdict(), directory, "VM web1", vm_id)
    assert len(audit.tell(found, "VM web1", vm_id)) == 2
    assert {e["answer"] for e in entries} == {"refused"}


@needs_root
@pytest.mark.parametrize("operation", ["preview", "format"])
def test_what_is_of_no_vm_it_does_not_lift(directory, operation):
    make(directory)
    wanted = verdict(operation)
    assert audit.permitted(wanted, directory, "A VM", VM) == wanted


@needs_root
def test_one_that_lifts_nothing_is_told(directory, entries):
    path = write(directory, VM, permitfile.expired(VM))
    found = audit.permitted(verdict(), directory, "VM web1", VM)
    assert not found.allowed
    assert entries == [
        {
            "message": f"The permit of VM {VM} lifts nothing: {path}:"
            " it has expired",
            "priority": journal.WARNING,
            "code": 9606,
            "vm": "VM web1",
            "vm_id": VM,
            "hint": "; ".join(errors.PermitUnusable(VM, "", "").hint_lines()),
        }
    ]


@pytest.mark.parametrize(
    "which", ["permissive", "recover", "transfer", "nothing found"]
)
def test_it_is_not_looked_for_where_nothing_is_refused(monkeypatch, which):
    monkeypatch.setattr(permits, "find", None)
    wanted = {
        "permissive": verdict(settings=policy.Settings("permissive")),
        "recover": verdict("recover"),
        "transfer": verdict("transfer"),
        "nothing found": Verdict("run", policy.Settings()),
    }[which]
    assert audit.permitted(wanted, "/x", "VM web1", VM) == wanted

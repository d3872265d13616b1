# SPDX-License-Identifier: GPL-2.0-or-later
"""What is made of the answer for a VM."""

import threading
import time

import pytest

from tests.support.vdsm.gatekept import ONE, TWO, XML, refusal
from tests.support.vdsm.vdsmvms import drive
from vdsm_backup import errors
from vdsm_backup.plugin import gatekeeper

pytest_plugins = ["tests.support.journalentries"]


def test_all_refusals_in_one_message(gate, world, entries):
    world.flags = {ONE: True, TWO: True}
    raised = refusal(gate.require_allowed, "run", "VM x", "id", xml=XML)
    assert raised.response()["status"] == {
        "code": 994,
        "message": (
            "VM x cannot start: a lease is on backup domain 6f7a"
            " (set by me: why) (error 994); copy the disk elsewhere; "
            "VM x cannot start: disk vda is on backup domain 5e6f"
            " (set by me: why) (error 994); copy the disk elsewhere"
        ),
    }
    assert raised.expected
    assert [(e["domain"], e["answer"], e["vm_id"]) for e in entries] == [
        (TWO, "refused", "id"),
        (ONE, "refused", "id"),
    ]


def test_flag_that_cannot_be_read(gate, world):
    world.flags = {ONE: errors.MetadataUnreadable(ONE, "I/O error")}
    raised = refusal(
        gate.require_allowed,
        "run",
        "VM x",
        drives=[drive("vda", domainID=ONE)],
    )
    assert raised.code == 995
    assert "not because it is flagged" in str(raised)


def test_no_answer_in_time(gate, world, path, monkeypatch):
    path.write_text("[storage]\nio_timeout = 0.1\n")
    go = threading.Event()
    monkeypatch.setattr(gatekeeper, "_read_lines", lambda sd_id: go.wait(60))
    raised = refusal(
        gate.require_allowed,
        "run",
        "VM x",
        drives=[drive("vda", domainID=ONE)],
    )
    go.set()
    assert raised.code == 995


def test_read_that_is_late(monkeypatch):
    monkeypatch.setattr(gatekeeper, "_read_lines", lambda sd_id: None)
    with pytest.raises(errors.StorageTimeout):
        gatekeeper._shared_read(ONE, time.monotonic() - 1, 30)


def test_domains_are_read_side_by_side(gate, world, path, monkeypatch):
    """Each of the reads waits for the others."""
    path.write_text("[storage]\nio_timeout = 10\n")
    all_at_once = threading.Barrier(3, timeout=60)

    def lines(sd_id):
        all_at_once.wait()
        return world.lines(sd_id)

    monkeypatch.setattr(gatekeeper, "_read_lines", lines)
    drives = [drive(f"vd{n}", domainID=f"{n}{ONE[1:]}") for n in range(3)]
    world.flags = {drives[2]["domainID"]: True}
    raised = refusal(gate.require_allowed, "run", "VM x", drives=drives)
    assert (raised.code, "disk vd2 is on" in str(raised)) == (994, True)


@pytest.mark.parametrize(
    "text",
    ["mode = permissive", "mode = disabled"],
)
def test_let_through(gate, world, path, entries, text):
    world.flags = {ONE: True}
    path.write_text(f"[guard]\n{text}\n")
    gate.require_allowed("run", "VM x", "id", xml=XML)
    assert [(e["domain"], e["answer"]) for e in entries] == [(ONE, "allowed")]


def test_allow_is_no_option_any_more(gate, world, path):
    world.flags = {ONE: True}
    path.write_text("[guard]\nallow = run\n")
    assert refusal(gate.require_allowed, "run", "VM x", xml=XML).code == 994


@pytest.mark.parametrize(
    "operation", ["live-snapshot", "live-merge", "recover"]
)
def test_violations_are_told(gate, world, entries, operation):
    world.flags = {ONE: True, TWO: errors.MetadataUnreadable(TWO, "I/O")}
    gate.require_allowed(operation, "VM x", "id", xml=XML)
    assert {(e["domain"], e["answer"]) for e in entries} == {
        (ONE, "allowed"),
        (TWO, "allowed"),
    }


def test_cleanup_reads_nothing(gate, world):
    gate.require_allowed("hotunplug", "VM x", xml=XML)
    assert world.reads == []

# SPDX-License-Identifier: GPL-2.0-or-later
"""Telling the journal without waiting."""

import threading

from tests.support.vdsm.gatekept import ONE, XML
from vdsm_backup.host import journal
from vdsm_backup.plugin import gatekeeper

pytest_plugins = ["tests.support.journalentries"]


def test_tell_journal_does_not_wait(gate, world, entries, monkeypatch):
    go, told = threading.Event(), threading.Event()
    world.flags = {ONE: True}
    lines = world.lines
    monkeypatch.setattr(
        gatekeeper, "_read_lines", lambda sd_id: go.wait(60) and lines(sd_id)
    )
    send = journal.send

    def tell(*args, **kwargs):
        send(*args, **kwargs)
        told.set()

    monkeypatch.setattr(journal, "send", tell)
    gate.tell_journal("recover", "VM x", "id", xml=XML)
    assert entries == []
    go.set()
    assert told.wait(60)
    assert entries[0]["operation"] == "recover"


def test_tell_journal_does_not_fail(gate, monkeypatch, caplog):
    def no_more(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_more)
    gate.tell_journal("recover", "VM x", "id", xml=XML)
    assert "recover: VM x was not judged" in caplog.text

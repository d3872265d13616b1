# SPDX-License-Identifier: GPL-2.0-or-later
import socket

import pytest

from tests.support.host import journalentry
from vdsm_backup.host import journal


@pytest.fixture
def receive(tmp_path):
    """(entry, path): as systemd-journald reads the protocol."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.setblocking(False)
        yield lambda: journalentry.parse(sock.recv(1024**2)), path


def test_an_entry(receive):
    entry, path = receive
    assert journal.send("Text, é", journal.ERR, path, code=994, vm="VM a")
    assert entry() == {
        "MESSAGE": "Text, é",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "vdsm-backup-domain",
        "VDSM_BACKUP_CODE": "994",
        "VDSM_BACKUP_VM": "VM a",
    }


def test_values_of_several_lines(receive):
    entry, path = receive
    trace = "Trace\nVDSM_BACKUP_CODE=1\n\nend\n"
    assert journal.send("m\nPRIORITY=0", 4, path, trace=trace, code=2)
    found = entry()
    assert found["MESSAGE"] == "m\nPRIORITY=0"
    assert found["VDSM_BACKUP_TRACE"] == trace
    assert (found["PRIORITY"], found["VDSM_BACKUP_CODE"]) == ("4", "2")


def test_what_is_not_known_is_left_out(receive):
    entry, path = receive
    assert journal.send("m", 4, path, trace=None)
    assert "VDSM_BACKUP_TRACE" not in entry()


def test_surrogates_and_long_values(receive):
    entry, path = receive
    assert journal.send("\ud800", 4, path, trace="x" * 10**6 + "end")
    found = entry()
    assert found["MESSAGE"] == "\\ud800"
    assert len(found["VDSM_BACKUP_TRACE"]) == journal.MAX_VALUE
    assert found["VDSM_BACKUP_TRACE"].endswith("xend")


def test_no_journal(tmp_path):
    assert not journal.send("m", 4, str(tmp_path / "none"))


def test_a_journal_that_does_not_read(receive):
    entry, path = receive
    for _ in range(10_000):
        if not journal.send("m" * 4096, 4, path):
            return
    pytest.fail("it was never full, or we waited")

# SPDX-License-Identifier: GPL-2.0-or-later
"""What journalctl prints, as entries. A real one: journalctl_test.py."""

import json

import pytest

from vdsm_backup.host import journal_entries

TIME = {"__REALTIME_TIMESTAMP": "1795984755115732"}


def parse(*objects):
    text = "\n".join(map(json.dumps, objects))
    return journal_entries.parse(text.encode())


def one(**fields):
    (entry,), failed = parse({**TIME, **fields})
    assert failed == 0
    return entry


def test_an_entry():
    entry = one(
        MESSAGE="Text, é",
        PRIORITY="4",
        SYSLOG_IDENTIFIER="vdsm-backup-domain",
        _HOSTNAME="host1",
        _UID="36",
        VDSM_BACKUP_ACTION="set",
        VDSM_BACKUP_RESULT="done",
        VDSM_BACKUP_VM_ID="x",
    )
    assert entry == journal_entries.Entry(
        time=1795984755.115732,
        message="Text, é",
        priority=4,
        host="host1",
        uid=36,
        fields={"action": "set", "result": "done", "vm_id": "x"},
    )


@pytest.mark.parametrize(
    "value, text",
    [
        ("two\nlines", "two\nlines"),
        ([97, 10, 255], "a\n\\xff"),
        (["first", "second"], "first"),
        ([[97, 98], "second"], "ab"),
        (None, None),
        ([], ""),
    ],
)
def test_values(value, text):
    found = one(VDSM_BACKUP_REASON=value).fields
    assert found == ({} if text is None else {"reason": text})


@pytest.mark.parametrize(
    "fields, kinds",
    [
        ({}, ""),
        ({"action": "set", "result": "done"}, "change"),
        ({"action": "set"}, ""),
        ({"answer": "refused", "operation": "run", "code": "994"}, "refusal"),
        ({"answer": "allowed", "operation": "run", "code": "994"}, "violates"),
        # In a session of libvirt.
        ({"answer": "allowed", "operation": "run"}, "answer"),
        ({"answer": "refused"}, ""),
    ],
)
def test_kinds(fields, kinds):
    entry = one(**{f"VDSM_BACKUP_{k.upper()}": v for k, v in fields.items()})
    assert entry.is_change == (kinds == "change")
    assert entry.is_refusal == (kinds == "refusal")
    assert entry.is_violation == (kinds == "violates")
    assert entry.is_answer == (kinds in ("refusal", "violates", "answer"))


@pytest.mark.parametrize(
    "line",
    [
        b"Warning: not JSON",
        b"[1]",
        b"3",
        b'{"MESSAGE": "no time"}',
        b'{"__REALTIME_TIMESTAMP": "soon"}',
        b"[" * 100000,
        b'{"__REALTIME_TIMESTAMP": "179598',
        b"\xff",
    ],
)
def test_what_is_no_entry_is_counted(line):
    good = json.dumps(TIME).encode()
    entries, failed = journal_entries.parse(b"\n".join([good, line, good]))
    assert (len(entries), failed) == (2, 1)
    with pytest.raises((ValueError, RecursionError)):
        journal_entries.time_of(line)


def test_nothing():
    assert journal_entries.parse(b"") == ([], 0)
    assert journal_entries.parse(b"\n\n") == ([], 0)
    time = journal_entries.time_of(json.dumps(TIME).encode())
    assert time == 1795984755.115732

# SPDX-License-Identifier: GPL-2.0-or-later
"""What log tells of journal and history, each thing once."""

import socket
import time

import pytest

from tests.support import commandline
from tests.support.logged import (
    CHANGE,
    VM,
    A,
    B,
    keep,
    logged,
)


def test_a_change(host, journal):
    journal.changed(0, message="set done: x", code="9", copy="3")
    assert logged(host) == [
        {
            "time": "2026-11-29T20:38:20Z",
            "action": "set",
            "result": "done",
            "domain": A,
            "name": "data1",
            "vm": None,
            "vm_id": None,
            "operation": None,
            "before": False,
            "after": True,
            "reason": "why",
            "by": "root@host1",
            "host": "host1",
            "host_id": 7,
            "code": 9,
            "message": "set done: x",
        }
    ]


def test_an_answer(host, journal):
    journal.answered(0, message="Refused: x")
    (entry,) = logged(host)
    assert {k: v for k, v in entry.items() if v is not None} == {
        "time": "2026-11-29T20:38:20Z",
        "result": "refused",
        "domain": A,
        "vm": "web1",
        "vm_id": VM,
        "operation": "run",
        "host": "host1",
        "code": 994,
        "message": "Refused: x",
    }


def test_what_is_neither(host, journal):
    journal.add(domain=A, hint="master")
    # In a session of libvirt.
    journal.add(answer="allowed", operation="run", vm="VM x")
    assert logged(host) == []


def test_what_the_guard_lets_go_on(host, journal):
    journal.answered(answer="allowed")
    assert [e["result"] for e in logged(host)] == ["allowed"]
    assert logged(host, "--refused") == []


def test_in_the_order_of_time(host, journal):
    copy = keep(host, B, DESCRIPTION="data2")
    journal.answered(0)
    journal.changed(10**8)
    found = logged(host)
    assert [e["domain"] for e in found] == [A, B, A]
    assert found[1]["time"] == copy.time


def test_a_change_that_only_the_history_knows(host, journal):
    copy = keep(host, result="undone", BACKUP="True", DESCRIPTION="data1")
    (entry,) = logged(host)
    assert entry == {
        **dict.fromkeys(commandline.LOGGED),
        "time": copy.time,
        "action": "set",
        "result": "undone",
        "domain": A,
        "name": "data1",
        "before": True,
        "after": True,
        "reason": "why",
        "by": "root@host1",
        "host": socket.gethostname(),
        "message": "set undone (copy 1)",
    }


def test_one_that_was_killed(host, journal):
    keep(host, result="unknown")
    (entry,) = logged(host)
    assert (entry["result"], entry["after"]) == ("unknown", None)
    assert "nobody has recorded how it ended" in entry["message"]


@pytest.mark.parametrize(
    "after, shown",
    [
        ("False", "interrupted, flag not set"),
        ("True", "interrupted, flag set"),
        ("unknown", "interrupted, outcome unknown"),
    ],
)
def test_one_that_was_interrupted(host, journal, after, shown):
    """After the change, or before it."""
    what = {"action": "clear", "before": "True", "code": "991"}
    journal.changed(0, result="interrupted", after=after, **what)
    assert f"  clear  {shown}  data1" in host.run("log").out


def test_no_doubles(host, journal):
    keep(host)
    keep(host, action="clear")
    keep(host, B)
    journal.changed(copy="1")
    found = [(e["domain"], e["action"]) for e in logged(host)]
    assert sorted(found) == [(A, "clear"), (A, "set"), (B, "set")]
    journal.changed(copy="2", action="clear")
    journal.changed(copy="1", domain=B)
    assert len(logged(host)) == 3


@pytest.mark.parametrize(
    "other",
    [{"copy": "2"}, {"copy": "x"}, {"action": "clear"}, {"domain": B}],
)
def test_entries_of_other_changes_hide_no_copy(host, journal, other):
    keep(host)
    journal.changed(**{"copy": "1", **other})
    assert len(logged(host)) == 2


def test_an_entry_of_an_earlier_history_hides_no_copy(host, journal):
    keep(host)
    journal.entries.clear()
    journal.add(0, **CHANGE, copy="1")
    journal.entries[0] = journal.entries[0]._replace(
        time=time.time() - 2 * 24 * 3600
    )
    assert len(logged(host)) == 2

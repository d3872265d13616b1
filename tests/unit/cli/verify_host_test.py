# SPDX-License-Identifier: GPL-2.0-or-later
"""What this host knows of a domain, as verify says it."""

import os

import pytest

from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from tests.support.verifyfixtures import A, only_notes, problems
from vdsm_backup.change import history
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes.records import Record
from vdsm_backup.verify import host as verify_host

pytest_plugins = ["tests.support.verifyfixtures"]


@pytest.mark.parametrize(
    "name, words", [(A, "the lockspace joined"), (f"{A}.lvs", "LVs active")]
)
def test_what_a_killed_run_has_left_is_a_note(host, dom_md, name, words):
    record = Record(host.run_dir, name)
    record.open()
    record.write({"host_id": 250, "generation": 1})
    record.lock()
    # The run is alive.
    assert only_notes(host) == []
    record.close()
    (note,) = only_notes(host)
    assert words in note and "tidies up" in note


LINES = md_lines.flush(filedomain.metadata(A))
OLD = {"BACKUP_SINCE": "2020-01-01T00:00:00Z"}
NEW = {"BACKUP_SINCE": "2220-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "actions, values, lost",
    [
        (["set"], {}, True),
        (["set"], {"BACKUP": "True"}, False),
        (["set"], {"BACKUP": "False", **OLD}, True),
        # Another host has cleared it.
        (["set"], {"BACKUP": "False", **NEW}, False),
        (["set", "clear"], {}, False),
        (["clear", "set"], {}, True),
        (["set", "restore"], {}, False),
        (["set", "reseal"], {}, True),
        (["reseal"], {}, False),
        ([], {}, False),
    ],
)
def test_flag_that_this_host_has_set(host, actions, values, lost):
    host.domain(sd_id=A, **values)
    storage = MemoryStorage(A, [])
    copies = history.History(host.history)
    kept = [
        copies.keep(storage, LINES, "admin@host1", action)
        for action in actions
    ]
    if not lost:
        assert only_notes(host) == []
        return
    ((code, message),) = problems(host)
    assert code == 9623
    copy = [copy for copy in kept if copy.action == "set"][-1]
    for word in ("admin@host1", copy.time, f"copy {copy.number} "):
        assert word in message


@pytest.mark.parametrize(
    "result, after, lost",
    [
        ("done", True, True),
        ("unknown", None, True),
        ("undone", False, False),
        ("failed", False, False),
        # Its undo has failed.
        ("failed", True, True),
        # Somebody else has changed it.
        ("failed", None, False),
        ("refused", False, False),
        ("interrupted", False, False),
        ("interrupted", True, True),
    ],
)
def test_how_the_last_change_has_ended(tmp_path, result, after, lost):
    copies = history.History(str(tmp_path))
    copy = copies.keep(MemoryStorage(A, []), LINES, "admin@host1", "set")
    copies.conclude(copy, result, after, None)
    now = flag.read({}, A)
    found = verify_host.check(A, now, copies, str(tmp_path / "run"))
    assert [error.code for error in found.problems] == [9623] * lost


def test_history_that_cannot_be_read_is_a_note(host, dom_md):
    os.makedirs(os.path.join(host.history, A))
    with open(os.path.join(host.history, A, "000001.json"), "w") as f:
        f.write("{")
    (note,) = only_notes(host)
    assert note.startswith("the history of this host: ")
    (found,) = host.json("verify", A).json["domains"]
    assert "what runs left on this host" in found["looked_at"]
    assert "history of this host" not in found["looked_at"]

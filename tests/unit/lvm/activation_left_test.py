# SPDX-License-Identifier: GPL-2.0-or-later
"""
LVs that one tool has activated and another one deactivates, later or as soon
as the first is gone.
"""

import contextlib
import os
import subprocess

import pytest

from tests.support.storage.lvs import NAMES, Lvs, Tool
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.lvm import activation

pytest_plugins = ["tests.support.storage.lvs"]


def left_open(lvs):
    with lvs.active():
        lvs.touch("ids.open")
    assert lvs.there() == ["ids", "ids.open", "leases"]
    (note,) = lvs.notes
    assert "ids and leases of the domain may stay active" in note
    assert "ids is in use" in note
    assert lvs.recorded() == list(NAMES)
    lvs.notes.clear()


def killed(lvs):
    with Tool(lvs) as tool:
        tool.active()
        tool.kill()
    assert lvs.there() == list(NAMES)
    assert lvs.recorded() == list(NAMES)


def again(lvs):
    with lvs.active():
        assert lvs.recorded() == list(NAMES)


@pytest.mark.parametrize("next_run", [again, Lvs.tidy])
def test_lvs_that_stay_are_for_a_later_run(lvs, next_run):
    left_open(lvs)
    next_run(lvs)
    assert len(lvs.notes) == 1
    assert lvs.recorded() == list(NAMES)
    lvs.remove("ids.open")
    next_run(lvs)
    assert lvs.there() == []
    assert lvs.recorded() is None


@pytest.mark.parametrize("next_run", [again, Lvs.tidy])
def test_lvs_of_a_killed_tool_are_for_a_later_run(lvs, next_run):
    killed(lvs)
    next_run(lvs)
    assert lvs.there() == []
    assert lvs.recorded() is None
    assert lvs.notes == []


def test_one_of_them_was_deactivated_since(lvs):
    killed(lvs)
    lvs.remove("ids")
    with lvs.active():
        assert lvs.lvm.calls == [("activate", ["ids"])]
        assert lvs.recorded() == list(NAMES)
    assert lvs.there() == []


@pytest.mark.parametrize(
    "text", ["", "[]", "5", '{"lvs": 5}', '{"boot": "x", "lvs": ["ids"]}']
)
@pytest.mark.parametrize("next_run", [lambda lvs: lvs.active(), Lvs.tidy])
def test_record_that_proves_nothing(lvs, text, next_run):
    """Damaged, or of another boot: LVs that are active are of others."""
    killed(lvs)
    with open(lvs.record, "w") as f:
        f.write(text)
    with next_run(lvs) or contextlib.nullcontext():
        pass
    assert lvs.there() == list(NAMES)
    assert lvs.recorded() is None


def test_tidy_with_nothing_on_record(lvs):
    lvs.touch("ids")
    lvs.tidy()
    assert lvs.there() == ["ids"]
    assert lvs.lvm.calls == []


# Two tools


def is_waiting(tool):
    """For a lock: it looks again and again, with the file open."""
    return any(path.endswith(".lvs.lock") for path in _files(tool.pid))


def _files(pid):
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"/proc/{pid}/fd/{fd}")


def test_second_waits_until_the_first_has_deactivated(lvs):
    did = (
        "[('activate', ['ids', 'leases']),"
        " ('deactivate', ['ids', 'leases'])]\n"
    )
    with Tool(lvs) as one:
        one.active()
        with Tool(lvs) as two:
            wait_until(lambda: is_waiting(two))
            assert one.done() == did
            two.active()
            assert two.done() == did
    assert lvs.there() == []
    assert lvs.recorded() is None


def test_second_adopts_what_a_killed_first_leaves(lvs):
    with Tool(lvs) as one:
        one.active()
        with Tool(lvs) as two:
            wait_until(lambda: is_waiting(two))
            assert lvs.recorded() == list(NAMES)
            one.kill()
            two.active()
            assert two.done() == "[('deactivate', ['ids', 'leases'])]\n"
    assert lvs.there() == []


def test_waiting_ends(lvs):
    with Tool(lvs) as tool:
        tool.active()
        with pytest.raises(errors.LeaseBusy) as e:
            with lvs.active(timeout=0.3):
                raise AssertionError("active")
        owner = f"another vdsm-backup-domain on this host (pid {tool.pid})"
        assert e.value.owner == owner
        assert lvs.told == [f"waiting for {owner}"]
        assert lvs.there() == list(NAMES)
        assert tool.done().endswith("('deactivate', ['ids', 'leases'])]\n")


def test_tidy_leaves_a_tool_at_work_alone(lvs):
    with Tool(lvs) as tool:
        tool.active()
        lvs.tidy()
        assert lvs.lvm.calls == []
        assert lvs.recorded() == list(NAMES)
        tool.done()


def test_children_do_not_keep_the_lock(lvs):
    with lvs.active():
        child = subprocess.Popen(["sleep", "100"])
    try:
        with lvs.active(timeout=0.3):
            pass
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("boot", ["", "the one before"])
def test_without_proc_no_record_is_trusted(tmp_path, monkeypatch, boot):
    """In a rescue system nobody tells which boot this is."""
    monkeypatch.setattr(activation, "_BOOT_ID", str(tmp_path / "gone"))
    assert activation._boot_id() == ""
    tidying = activation.Tidying(str(tmp_path), "sd", print)
    tidying._record.open()
    tidying._record.write({"boot": boot, "lvs": ["ids"]})
    assert tidying._recorded() == []

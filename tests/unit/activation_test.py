# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who activates the LVs of a lease, and who deactivates them, among tools of one
host: real processes and locks, LVs that are files.

An LV is active if its file is there, and open if NAME.open is.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from tests.support.backends import ROOT, wait_until
from vdsm_backup import errors
from vdsm_backup.storage import activation

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
NAMES = ("ids", "leases")


class Lvm:
    """lvchange on a machine with device-mapper."""

    def __init__(self, directory):
        self._dir = directory
        self.calls = []
        self.fail_after = None

    def activate(self, vg, names):
        self.calls.append(("activate", list(names)))
        for i, name in enumerate(names):
            if self.fail_after == i:
                raise errors.LvmFailed("lvchange", 5, "no")
            open(os.path.join(self._dir, name), "w").close()

    def deactivate(self, vg, names):
        self.calls.append(("deactivate", list(names)))
        for name in names:
            path = os.path.join(self._dir, name)
            if os.path.exists(f"{path}.open"):
                raise errors.LvmFailed("lvchange", 5, f"{name} is in use")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


class Lvs:
    """The LVs of a domain on one host, and the tools that use them."""

    def __init__(self, directory):
        self.dir = os.path.join(directory, "dev")
        self.run_dir = os.path.join(directory, "run")
        os.mkdir(self.dir)
        self.lvm = Lvm(self.dir)
        self.notes = []
        self.told = []
        self.daemon = None

    def active(self, timeout=20):
        return self._context(
            activation.Activation(
                self.run_dir,
                SD,
                self.notes.append,
                timeout,
                self._require_daemon,
                self.told.append,
            )
        )

    def tidy(self):
        tidying = activation.Tidying(self.run_dir, SD, self.notes.append)
        with self._context(tidying):
            pass

    def _context(self, how):
        paths = {name: os.path.join(self.dir, name) for name in NAMES}
        return how.active(self.lvm, "vg", paths)

    def _require_daemon(self):
        if self.daemon:
            raise self.daemon

    def there(self):
        return sorted(os.listdir(self.dir))

    def touch(self, name):
        open(os.path.join(self.dir, name), "w").close()

    def remove(self, name):
        os.unlink(os.path.join(self.dir, name))

    @property
    def record(self):
        return os.path.join(self.run_dir, f"{SD}.lvs.json")

    def recorded(self):
        if not os.path.exists(self.record):
            return None
        with open(self.record) as f:
            return json.load(f)["lvs"]


@pytest.fixture
def lvs(tmp_path, monkeypatch):
    monkeypatch.setattr(activation, "CLOSING", 0.2)
    monkeypatch.setattr(activation, "RETRY", 0.05)
    return Lvs(str(tmp_path))


TOOL = """
import sys
from tests.unit import activation_test
from vdsm_backup.storage import activation
activation.CLOSING = activation.RETRY = 0.1
lvs = object.__new__(activation_test.Lvs)
lvs.dir, lvs.run_dir = sys.argv[1:]
lvs.lvm, lvs.notes, lvs.daemon = activation_test.Lvm(lvs.dir), [], None
lvs.told = []
with lvs.active():
    print("active", flush=True)
    sys.stdin.read()
print(lvs.lvm.calls)
"""


class Tool:
    """One in a process of its own, which is active until done()."""

    def __init__(self, lvs):
        self._process = subprocess.Popen(
            [sys.executable, "-c", TOOL, lvs.dir, lvs.run_dir],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def active(self):
        assert self._process.stdout.readline() == "active\n"

    def done(self):
        return self._process.communicate()[0]

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait()


def is_waiting(tool):
    """For a lock: it looks again and again, with the file open."""
    return any(path.endswith(".lvs.lock") for path in _files(tool.pid))


def _files(pid):
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"/proc/{pid}/fd/{fd}")


# One tool


@pytest.mark.parametrize("before", [(), ("ids",), ("leases",), NAMES])
def test_only_what_was_not_active_is_deactivated(lvs, before):
    for name in before:
        lvs.touch(name)
    ours = [name for name in NAMES if name not in before]
    with contextlib.suppress(ZeroDivisionError):
        with lvs.active():
            assert lvs.there() == list(NAMES)
            assert lvs.recorded() == (ours or None)
            raise ZeroDivisionError
    calls = [("activate", ours), ("deactivate", ours)] if ours else []
    assert lvs.lvm.calls == calls
    assert lvs.there() == list(before)
    assert lvs.recorded() is None
    assert lvs.notes == []


def test_record_is_there_before_anything_is_active(lvs, monkeypatch):
    def look(vg, names):
        assert lvs.recorded() == list(NAMES)
        assert lvs.there() == []
        raise ZeroDivisionError

    monkeypatch.setattr(lvs.lvm, "activate", look)
    with pytest.raises(ZeroDivisionError):
        with lvs.active():
            raise AssertionError("active")


def test_nothing_is_touched_without_a_daemon(lvs):
    lvs.daemon = errors.SanlockFailed("be used", "it is dead")
    with pytest.raises(errors.SanlockFailed):
        with lvs.active():
            raise AssertionError("active")
    assert lvs.lvm.calls == []
    assert not os.path.exists(lvs.run_dir)


def test_daemon_is_not_asked_for_when_nothing_is_to_be_activated(lvs):
    """Whoever takes the lease asks it anyway."""
    for name in NAMES:
        lvs.touch(name)
    lvs.daemon = errors.SanlockFailed("be used", "it is dead")
    with lvs.active():
        assert lvs.lvm.calls == []


def test_nothing_is_touched_without_a_record(lvs):
    open(lvs.run_dir, "w").close()
    with pytest.raises(errors.SanlockFailed) as e:
        with lvs.active():
            raise AssertionError("active")
    assert e.value.action == f"use [sanlock] run_dir {lvs.run_dir}"
    assert lvs.lvm.calls == []


@pytest.mark.parametrize("fail_after", [0, 1])
def test_activation_that_fails_is_undone(lvs, fail_after):
    lvs.lvm.fail_after = fail_after
    with pytest.raises(errors.LvmFailed):
        with lvs.active():
            raise AssertionError("active")
    assert lvs.there() == []
    assert lvs.recorded() is None


def test_lvs_that_do_not_appear(lvs, monkeypatch):
    monkeypatch.setattr(lvs.lvm, "activate", lambda vg, names: None)
    with pytest.raises(errors.LvmFailed, match="did not appear"):
        with lvs.active():
            raise AssertionError("active")
    assert lvs.lvm.calls == [("deactivate", list(NAMES))]


def test_sanlock_may_take_a_moment_to_close(lvs, monkeypatch):
    with lvs.active():
        lvs.touch("ids.open")
        sleep = activation.time.sleep

        def close(seconds):
            lvs.remove("ids.open")
            sleep(seconds)

        monkeypatch.setattr(activation.time, "sleep", close)
    assert lvs.there() == []
    assert lvs.notes == []


# What is left behind


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

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What one tool activates, it deactivates; what is left to a later one, or done
at the same time as another, is in activation_left_test.py.
"""

import contextlib
import os

import pytest

from tests.support.storage.lvs import NAMES
from vdsm_backup import errors
from vdsm_backup.lvm import activation

pytest_plugins = ["tests.support.storage.lvs"]


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
    with pytest.raises(errors.RunDirFailed) as e:
        with lvs.active():
            raise AssertionError("active")
    assert e.value.path == lvs.run_dir
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

# SPDX-License-Identifier: GPL-2.0-or-later
"""What must not be forked; tests/integration has what is."""

import threading

import pytest

from vdsm_backup.processes import forking


def start():
    forking.start(lambda fds: None, "test", ())


def test_a_process_that_is_not_ours():
    """VDSM, say, which imports us."""
    assert not forking.is_allowed()
    with pytest.raises(RuntimeError, match="not ours"):
        start()


def test_a_process_with_threads(monkeypatch):
    monkeypatch.setattr(forking, "_allowed", True)
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match=r"process of \d+ threads"):
            start()
    finally:
        end.set()
        thread.join()


def test_a_process_with_threads_without_proc(monkeypatch, tmp_path):
    monkeypatch.setattr(forking, "_THREADS", str(tmp_path / "none"))
    test_a_process_with_threads(monkeypatch)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The choice of the backend, the worker's messages, and what the adapter of
ioprocess makes of its answers. A stand-in plays ioprocess where the real one
cannot be made to answer so; tests/integration has the contract.
"""

import collections
import errno
import io
import os
import sys
import threading
import types
import weakref

import pytest

from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import calls, choose, worker, worker_client

INSTALLED = "vdsm_backup.fileio.ioprocess"


Stat = collections.namedtuple("StatResult", fileio.StatResult._fields)


class FakeIOProcess:
    pid = 1
    # A small file with one name.
    lstat_result = Stat(0o100644, 1, 1, 1, 0, 0, 5, 0.0, 0.0, 0.0, 8)
    pings = []
    pong = threading.Event()

    def __init__(self, max_threads, timeout, name):
        self.max_threads = max_threads

    def lstat(self, path):
        return self.lstat_result

    def rename(self, old, new):
        raise sys.modules["ioprocess"].Timeout()

    def readfile(self, path, direct):
        raise sys.modules["ioprocess"].Timeout()

    def unlink(self, path):
        raise OSError(errno.ESTALE, "its words")

    def ping(self):
        self.pings.append(self.timeout)
        self.pong.wait()


@pytest.fixture
def fake_ioprocess(monkeypatch):
    module = types.ModuleType("ioprocess")
    module.IOProcess = FakeIOProcess
    module.Timeout = type("Timeout", (RuntimeError,), {})
    module.Closed = type("Closed", (RuntimeError,), {})
    module.ERR_IOPROCESS_CRASH = 100001
    with import_installed_again(monkeypatch, module):
        yield choose.open("installed", "test", 10)


class import_installed_again:
    """Import the adapter with another module as ioprocess."""

    def __init__(self, monkeypatch, module):
        monkeypatch.setitem(sys.modules, "ioprocess", module)

    def __enter__(self):
        self._before = sys.modules.pop(INSTALLED, None)

    def __exit__(self, *exc):
        sys.modules.pop(INSTALLED, None)
        if self._before:
            sys.modules[INSTALLED] = self._before


# The choice


def test_embedded_is_taken_also_beside_ioprocess(fake_ioprocess):
    with choose.open("embedded", "test", 10) as chosen:
        assert isinstance(chosen, worker_client.EmbeddedFileIO)


def test_auto_takes_ioprocess(fake_ioprocess):
    with choose.open("auto", "test", 10) as chosen:
        assert type(chosen).__module__ == INSTALLED


def test_auto_without_ioprocess(monkeypatch):
    with import_installed_again(monkeypatch, None):
        with choose.open("auto", "test", 10) as chosen:
            assert isinstance(chosen, worker_client.EmbeddedFileIO)


def test_installed_without_ioprocess(monkeypatch):
    with import_installed_again(monkeypatch, None):
        with pytest.raises(errors.ConfigInvalid, match="ioprocess"):
            choose.open("installed", "test", 10)


# The worker's messages


@pytest.mark.parametrize("data", [b"", b"\0" * 5000])
@pytest.mark.parametrize("name", ["a", "\u2028\U0001f600", "\udcff"])
def test_messages_survive(name, data):
    message = {"op": "unlink", "args": [worker.encode_name(name)]}
    stream = io.BytesIO(worker.encode(message, data) * 2)
    for _ in range(2):
        got, got_data = worker.decode(stream.read)
        assert got["args"][0].encode("latin-1") == os.fsencode(name)
        assert (got, got_data) == (message, data)
    assert stream.read() == b""


def test_worker_has_all_calls():
    public = {n for n in vars(fileio.FileIO) if not n.startswith("_")}
    assert calls.NAMES == public - {"close", "kind"}


def test_worker_cannot_start(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/python")
    with pytest.raises(fileio.Closed, match="cannot start.*No such file"):
        choose.open("embedded", "test", 10)


def test_worker_ends_at_once(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with choose.open("embedded", "test", 10) as closed:
        for _ in range(2):
            with pytest.raises(fileio.Closed, match="lstat /.*exit status 1"):
                closed.lstat("/")


# The adapter of ioprocess


def test_numbers_of_ioprocess(fake_ioprocess, monkeypatch):
    # Gluster's inode numbers are 64 bits of an UUID. ioprocess sends a signed
    # number, and seconds as a float.
    answer = Stat(*range(11))._replace(st_ino=-1, st_mtime=1763859600.0)
    monkeypatch.setattr(FakeIOProcess, "lstat_result", answer)
    got = fake_ioprocess.lstat("/")
    assert got.st_ino == 2**64 - 1
    assert repr(got.st_mtime) == "1763859600"
    assert got.st_size == answer.st_size


def test_restarted_ioprocess_is_not_used(fake_ioprocess):
    fake_ioprocess._ioproc.pid += 1
    with pytest.raises(fileio.Closed):
        fake_ioprocess.lstat("/")
    assert fake_ioprocess._ioproc is None


def test_name_that_json_would_change(fake_ioprocess):
    for call in fake_ioprocess.unlink, lambda p: fake_ioprocess.rename("/", p):
        with pytest.raises(OSError) as e:
            call("/\udcff")
        assert e.value.errno == errno.EILSEQ


def test_nothing_keeps_ioprocess(fake_ioprocess):
    # It ends when the last one drops it, and tracebacks hold what they saw.
    child = weakref.ref(fake_ioprocess._ioproc)
    with pytest.raises(OSError) as error:
        fake_ioprocess.unlink("/a")
    with pytest.raises(fileio.Timeout, match="readfile /a") as timeout:
        fake_ioprocess.readfile("/a")
    assert child() is None
    assert error and timeout and FakeIOProcess.pings == []


def test_change_in_hand_keeps_ioprocess(fake_ioprocess, monkeypatch):
    child = weakref.ref(fake_ioprocess._ioproc)
    monkeypatch.setattr(FakeIOProcess, "pings", [])
    assert child().max_threads == 1
    with pytest.raises(fileio.Timeout, match="rename /a"):
        fake_ioprocess.rename("/a", "/b")
    # A ping without a time limit. With one thread it is answered when the
    # rename has ended.
    wait_until(lambda: FakeIOProcess.pings == [None])
    assert child() is not None
    FakeIOProcess.pong.set()
    wait_until(lambda: child() is None)

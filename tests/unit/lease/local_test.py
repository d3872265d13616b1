# SPDX-License-Identifier: GPL-2.0-or-later
"""The lock of local domains, by real flock(2) on a real file."""

import os
import socket
import subprocess
import threading

import pytest

from tests.support.lease.flocks import is_free
from tests.support.processes import failing, hanging
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.lease import local

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def ids(tmp_path):
    path = tmp_path / "ids"
    path.write_bytes(b"")
    return str(path)


def take(ids, timeout=0):
    return local.take(SD, ids, timeout, lambda text: None)


def test_taken_and_given_back(ids):
    with take(ids) as held:
        held.check()
        assert not is_free(ids)
    assert is_free(ids)


def test_given_back_after_an_error(ids):
    with pytest.raises(ZeroDivisionError):
        with take(ids):
            raise ZeroDivisionError
    assert is_free(ids)


def test_second_one_is_refused(ids):
    with take(ids):
        with pytest.raises(errors.LeaseBusy) as e:
            with take(ids):
                pass
    assert e.value.refusal


def test_waits_until_it_is_free(ids):
    first = take(ids)
    first.__enter__()
    timer = threading.Timer(0.3, first.__exit__, (None, None, None))
    timer.start()
    with take(ids, timeout=20):
        assert not is_free(ids)
    timer.join()


def test_lives_as_long_as_a_writer_that_inherited_it(ids):
    with take(ids) as held:
        writer = subprocess.Popen(["sleep", "1000"], stdin=held.fd)
    try:
        assert not is_free(ids)
    finally:
        writer.kill()
        writer.wait()
    assert is_free(ids)


def test_not_inherited_by_chance(ids):
    with take(ids):
        other = subprocess.Popen(["sleep", "1000"], close_fds=False)
    try:
        wait_until(lambda: is_free(ids))
    finally:
        other.kill()
        other.wait()


def spoil_by_link(ids):
    os.symlink(ids + ".real", ids)


def spoil_by_directory(ids):
    os.mkdir(ids)


def spoil_by_socket(ids):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(ids)


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (lambda ids: None, "No such file or directory"),
        (spoil_by_link, "it is a symbolic link"),
        (spoil_by_directory, "it is not a regular file"),
        # Nobody writes to it: to open it would wait for ever.
        (os.mkfifo, "it is not a regular file"),
        (spoil_by_socket, "it is not a regular file"),
    ],
)
def test_no_lock_no_lease(ids, spoil, reason):
    os.rename(ids, ids + ".real")
    spoil(ids)
    with pytest.raises(errors.WriteFailed) as e:
        with take(ids):
            pass
    assert f"{ids}: {reason}" in str(e.value)


def test_opening_hangs(ids, monkeypatch):
    monkeypatch.setattr(local, "OPEN_LOCK", hanging.__name__)
    with pytest.raises(errors.StorageTimeout) as e:
        with local.take(SD, ids, 60, print, io_timeout=0.5):
            pass
    assert ids in str(e.value)


def test_opening_dies(ids, monkeypatch):
    monkeypatch.setattr(local, "OPEN_LOCK", failing.__name__)
    with pytest.raises(errors.WriteFailed) as e:
        with take(ids):
            pass
    assert f"{ids}: the process that opens it failed" in str(e.value)

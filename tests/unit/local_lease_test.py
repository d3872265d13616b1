# SPDX-License-Identifier: GPL-2.0-or-later
"""The lock of local domains, by real flock(2) on a real file."""

import fcntl
import os
import subprocess
import threading
import time

import pytest

from vdsm_backup import errors, local_lease

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def ids(tmp_path):
    path = tmp_path / "ids"
    path.write_bytes(b"")
    return str(path)


def take(ids, timeout=0):
    return local_lease.take(SD, ids, timeout, lambda text: None)


def is_free(ids):
    with open(ids) as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


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
        deadline = time.monotonic() + 10
        while not is_free(ids):
            assert time.monotonic() < deadline
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("spoil", ["missing", "link"])
def test_no_lock_no_lease(ids, spoil):
    os.rename(ids, ids + ".real")
    if spoil == "link":
        os.symlink(ids + ".real", ids)
    with pytest.raises(errors.WriteFailed) as e:
        with take(ids):
            pass
    assert ids in str(e.value)

# SPDX-License-Identifier: GPL-2.0-or-later
import os
import signal
import socket
import subprocess

import pytest

from tests.support import programs
from tests.support.waiting import wait_until
from vdsm_backup.lease import connection
from vdsm_backup.lease.connection import Registration


@pytest.fixture
def pair(tmp_path):
    """(Registration, the daemon's end); we are the daemon."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(tmp_path / "sock"))
        daemon, _ = listener.accept()
    os.set_inheritable(client.fileno(), True)
    reg = Registration(client.detach())
    yield reg, daemon
    reg.close()
    daemon.close()


def test_is_not_inherited_by_accident(pair):
    assert not os.get_inheritable(pair[0].fileno())


def test_is_shared_as_long_as_somebody_has_it(pair):
    reg, _ = pair
    assert not reg.shared()
    child = subprocess.Popen(["sleep", "100"], stdin=reg.fileno())
    assert reg.shared()
    child.kill()
    child.wait()
    assert not reg.shared()


def test_is_not_shared_with_our_own_copies(pair):
    reg, _ = pair
    copy = os.dup(reg.fileno())
    assert not reg.shared()
    os.close(copy)


def test_close_is_for_us_alone(pair):
    reg, daemon = pair
    child = subprocess.Popen(["sleep", "100"], stdin=reg.fileno())
    reg.close()
    assert not connection.ended(daemon)
    child.kill()
    child.wait()
    assert connection.ended(daemon)


def test_hang_up_is_for_all(pair):
    reg, daemon = pair
    copy = os.dup(reg.fileno())
    assert not reg.lost()
    reg.hang_up()
    assert connection.ended(daemon)
    assert connection.ended(copy)
    assert reg.lost()
    reg.hang_up()
    os.close(copy)


def test_end_of_the_daemon_is_a_loss(pair):
    reg, daemon = pair
    daemon.close()
    assert reg.lost()
    reg.hang_up()


@pytest.fixture
def waiter(tmp_path):
    path = str(tmp_path / "sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        process = programs.start("tests.support.lease.waiter", path)
        assert process.stdout.readline() == "ready\n"
        yield process
        process.communicate()


def lost(waiter):
    waiter.stdin.write("?\n")
    waiter.stdin.flush()
    return waiter.stdout.readline() == "True\n"


def pending(pid):
    with open(f"/proc/{pid}/status") as f:
        masks = dict(line.split(":\t", 1) for line in f)
    return int(masks["ShdPnd"], 16) & 1 << (signal.SIGTERM - 1)


def test_sigterm_of_the_daemon_is_a_loss(waiter):
    assert not lost(waiter)
    os.kill(waiter.pid, signal.SIGTERM)
    assert lost(waiter)
    assert lost(waiter)


def test_sigterm_of_its_helper_is_a_loss(waiter):
    helper = programs.start("tests.support.lease.killer", waiter.pid)
    wait_until(lambda: pending(waiter.pid))
    assert lost(waiter)
    helper.communicate()


def test_sigterm_of_somebody_else_is_none(waiter):
    # A grandchild of ours.
    somebody = programs.start(
        "tests.support.lease.killer", waiter.pid, "child"
    )
    wait_until(lambda: pending(waiter.pid))
    assert not lost(waiter)
    somebody.communicate()


def test_sigterm_of_somebody_who_has_ended_is_none(waiter):
    subprocess.run(["/bin/kill", "-TERM", str(waiter.pid)], check=True)
    assert pending(waiter.pid)
    assert not lost(waiter)

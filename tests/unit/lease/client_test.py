# SPDX-License-Identifier: GPL-2.0-or-later
"""The tool's side of the lease, with holders that misbehave."""

import os
import socket
import textwrap
import time

import pytest

from vdsm_backup import errors
from vdsm_backup.lease import client
from vdsm_backup.processes import spawn
from vdsm_backup.processes.channel import Channel

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


def request(**options):
    values = {
        "sd_id": SD,
        "ids": "/ids",
        "leases": "/leases",
        "offset": 1024**2,
        "align": 1024**2,
        "sector": 512,
        "host_id": 250,
        "timeout": 0.3,
        "run_dir": "/nonexistent",
        "alone": True,
    }
    return client.Request(**{**values, **options})


@pytest.mark.parametrize("sd_id", ["", "..", "../" * 12, SD + "/x", SD + "\n"])
def test_request_is_about_a_uuid(sd_id):
    with pytest.raises(ValueError):
        request(sd_id=sd_id)


PREAMBLE = """
import os, signal, socket, sys, time
from vdsm_backup import errors
from vdsm_backup.processes.channel import Channel


def main(args):
    control, handover = [socket.socket(fileno=int(fd)) for fd in args]
    channel = Channel(control)
    message = channel.receive()
"""


@pytest.fixture
def holder(tmp_path, monkeypatch):
    """Make a holder that runs this code."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(client, "_GRACE", 0.3)
    monkeypatch.setattr(client, "_LEAVE", 1)
    started = []
    real = spawn.start

    def start(module, *args, **options):
        started.append(real("fake_holder", *args, **options))
        return started[0]

    monkeypatch.setattr(spawn, "start", start)

    def make(code):
        text = PREAMBLE + textwrap.indent(code, "    ")
        (tmp_path / "fake_holder.py").write_text(text)

    yield make
    for child in started:
        child.kill()
        child.wait()


def take(**options):
    told = []
    try:
        with client.take(request(**options), told.append) as held:
            return held.host_id, told
    except errors.Error as e:
        e.told = told
        raise


HELD = """
socket.send_fds(handover, [b"x"], [os.open(os.devnull, os.O_RDONLY)])
channel.send({"held": 7})
"""


def test_held(holder):
    holder("channel.send({'progress': 'one'})" + HELD)
    assert take() == (7, ["one"])


def test_holder_gets_the_request(holder):
    holder(
        "assert message['task'] == 'hold'\n"
        "from vdsm_backup.lease import client\n"
        "channel.send({'progress': client.Request(**message['request']).ids})"
        + HELD
    )
    assert take(ids="/some:where/ids")[1] == ["/some:where/ids"]


def test_errors_cross(holder):
    holder(
        "e = errors.LeaseBusy('x', 'host id 3')\n"
        "channel.send({'error': errors.to_fields(e)})\n"
        "channel.send({'progress': 'leaving'})"
    )
    with pytest.raises(errors.LeaseBusy) as e:
        take()
    assert e.value.owner == "host id 3"
    assert e.value.told == ["leaving"]


def test_holder_that_says_nothing(holder):
    holder("channel.send({'progress': 'one'}); time.sleep(100)")
    with pytest.raises(errors.LeaseTimeout) as e:
        take()
    assert e.value.step == "one"


def test_holder_that_was_killed(holder):
    holder("os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(errors.LeaseLost):
        take()


def test_holder_that_broke(holder):
    holder("raise SystemExit(3)")
    with pytest.raises(errors.InternalError) as e:
        take(timeout=10)
    assert "holder" in e.value.kind and e.value.text == "3"


def test_body_that_fails_gives_the_lease_back(holder):
    holder(HELD + "channel.receive()\nchannel.send({'progress': 'left'})")
    told = []
    with pytest.raises(ZeroDivisionError):
        with client.take(request(timeout=10), told.append) as held:
            raise ZeroDivisionError
    assert told == ["left"]
    with pytest.raises(OSError):
        os.fstat(held.fd)


def test_end_is_not_waited_for_for_ever(holder):
    holder(HELD + "time.sleep(100)")
    started = time.monotonic()
    assert take(timeout=10)[1] == [
        "not waiting any longer for sanlock to leave"
    ]
    assert 1 <= time.monotonic() - started < 10


def test_end_is_not_waited_for_while_somebody_writes(holder):
    holder(
        HELD
        + "channel.receive(); channel.send({'writing': True}); time.sleep(100)"
    )
    assert take(timeout=10)[1] == [
        "not waiting for the writer, which is stuck"
    ]


def test_error_of_the_cleaning_up_is_shown(holder):
    holder(
        HELD
        + "channel.receive()\n"
        + "channel.send({'error': errors.to_fields(ValueError('no'))})"
    )
    assert take(timeout=10)[1] == [
        "cleaning up failed: Unexpected ValueError: no"
    ]


def test_tidy(holder):
    holder("assert message['task'] == 'tidy'")
    client.tidy(request(timeout=10), None)


def test_tidy_that_fails(holder):
    holder("channel.send({'error': errors.to_fields(ValueError('no'))})")
    with pytest.raises(errors.InternalError):
        client.tidy(request(timeout=10), None)


def test_tidy_does_not_wait_for_a_writer(holder):
    holder("channel.send({'writing': True}); time.sleep(100)")
    told = []
    client.tidy(request(timeout=10), told.append)
    assert len(told) == 1


def test_without_the_binding(tmp_path, monkeypatch):
    (tmp_path / "sanlock.py").write_text("raise ImportError('not here')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(errors.SanlockFailed) as e:
        take(timeout=10)
    assert "not here" in e.value.reason


def no_progress(text):
    raise AssertionError(text)


def test_require_daemon(holder):
    holder("assert message['task'] == 'probe'")
    client.require_daemon(SD, 10, no_progress)


def test_require_daemon_that_is_not_there(monkeypatch, tmp_path):
    """The real holder, with or without the binding."""
    monkeypatch.setenv("SANLOCK_RUN_DIR", str(tmp_path))
    with pytest.raises(errors.SanlockFailed):
        client.require_daemon(SD, 10, no_progress)


def test_require_daemon_that_does_not_answer(holder):
    holder("time.sleep(100)")
    with pytest.raises(errors.LeaseTimeout):
        client.require_daemon(SD, 0.3, lambda text: None)


class Pair:
    """A Held, and the other sides of what it looks at."""

    def __init__(self):
        self.registration, self.daemon = socket.socketpair()
        ours, self.holder = socket.socketpair()
        self.channel = Channel(ours)
        self.held = client.Held(
            SD, 250, self.registration.fileno(), self.channel
        )

    def close(self):
        self.channel.close()
        for sock in (self.registration, self.daemon, self.holder):
            sock.close()


@pytest.fixture
def pair():
    pair = Pair()
    yield pair
    pair.close()


def test_check(pair):
    started = time.monotonic()
    for _ in range(3):
        pair.held.check()
    assert time.monotonic() - started < 1


def assert_lost(pair):
    with pytest.raises(errors.LeaseLost) as e:
        pair.held.check()
    assert e.value.domain == SD
    with pytest.raises(errors.LeaseLost):
        pair.held.check()


def test_check_after_the_holder_said_lost(pair):
    Channel(pair.holder).send({"lost": True})
    pair.registration.shutdown(socket.SHUT_RDWR)
    assert_lost(pair)


def test_check_after_the_holder_died(pair):
    pair.holder.close()
    assert_lost(pair)


def test_check_after_the_connection_was_shut_down(pair):
    pair.registration.shutdown(socket.SHUT_RDWR)
    assert_lost(pair)


def test_check_after_sanlock_ended(pair):
    pair.daemon.close()
    assert_lost(pair)

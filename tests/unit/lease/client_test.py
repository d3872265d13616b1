# SPDX-License-Identifier: GPL-2.0-or-later
"""The tool's side of the lease, with holders that misbehave."""

import os
import socket
import time

import pytest

from tests.support.lease import bad_holder
from tests.support.waiting import RUNS_OUT, SOON
from vdsm_backup import errors
from vdsm_backup.lease import client
from vdsm_backup.lease.request import LeaseRequest
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
        "timeout": SOON,
        "run_dir": "/nonexistent",
        "require_alone": True,
    }
    return LeaseRequest(**{**values, **options})


@pytest.fixture
def holder(monkeypatch):
    """Let a holder do this: steps of tests/support/lease/bad_holder.py."""
    monkeypatch.setattr(client, "_GRACE", 0.3)
    monkeypatch.setattr(client, "_LEAVE", 1)
    started, does = [], []
    real = spawn.start

    def start(module, args, **options):
        child = real(bad_holder.__name__, [*does, *args], **options)
        started.append(child)
        return child

    monkeypatch.setattr(spawn, "start", start)
    yield lambda *steps: does.extend(steps)
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


def test_held(holder):
    holder("one", "hold")
    assert take() == (7, ["one"])


def test_holder_gets_the_request(holder):
    holder("show request", "hold")
    assert take(ids="/some:where/ids")[1] == ["/some:where/ids"]


def test_errors_cross(holder):
    holder("be refused", "leaving")
    with pytest.raises(errors.LeaseBusy) as e:
        take()
    assert e.value.owner == "host id 3"
    assert e.value.told == ["leaving"]


def test_holder_that_says_nothing(holder):
    holder("one", "stay")
    with pytest.raises(errors.LeaseTimeout) as e:
        take(timeout=RUNS_OUT)
    assert e.value.step == "one"


def test_holder_that_was_killed(holder):
    holder("be killed")
    with pytest.raises(errors.LeaseLost):
        take()


def test_holder_that_broke(holder):
    holder("exit")
    with pytest.raises(errors.InternalError) as e:
        take(timeout=SOON)
    assert "holder" in e.value.kind and e.value.text == "3"


def test_body_that_fails_gives_the_lease_back(holder):
    holder("hold", "receive", "left")
    told = []
    with pytest.raises(ZeroDivisionError):
        with client.take(request(timeout=SOON), told.append) as held:
            raise ZeroDivisionError
    assert told == ["left"]
    with pytest.raises(OSError):
        os.fstat(held.fd)


def test_an_interrupt_before_the_descriptor_is_taken(holder, monkeypatch):
    """The holder must not take it for a writer that is stuck."""
    holder("hold", "receive", "give up handing over", "left")

    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(client._HolderProcess, "take_fd", interrupt)
    monkeypatch.setattr(client, "_LEAVE", SOON)
    told = []
    with pytest.raises(KeyboardInterrupt):
        with client.take(request(), told.append):
            pass
    assert told == ["left"]


def test_end_is_not_waited_for_for_ever(holder):
    holder("hold", "stay")
    started = time.monotonic()
    (told,) = take(timeout=SOON)[1]
    assert "sanlock has not left the lockspace" in told
    assert 1 <= time.monotonic() - started < SOON


def test_end_is_not_waited_for_while_somebody_writes(holder):
    holder("hold", "receive", "writing", "stay")
    (told,) = take(timeout=SOON)[1]
    assert "the writer is stuck and keeps the SDM lease" in told


def test_holder_that_is_killed_while_it_leaves(holder):
    holder("hold", "receive", "be killed")
    (told,) = take(timeout=SOON)[1]
    assert "may still be in the lockspace" in told


def test_error_of_the_cleaning_up_is_shown(holder):
    holder("hold", "receive", "fail")
    assert take(timeout=SOON)[1] == [
        "cleaning up after the lease failed: Unexpected ValueError: no"
    ]


@pytest.mark.parametrize(
    "steps", [["stay"], ["receive", "writing", "stay"], ["receive", "fail"]]
)
def test_what_is_left_behind_is_a_note_not_progress(holder, steps):
    holder("hold", *steps)
    notes, told = [], []
    with client.take(request(timeout=SOON, note=notes.append), told.append):
        pass
    assert (len(notes), told) == (1, [])


def test_interrupted_while_it_leaves(holder, monkeypatch):
    def interrupt(process):
        raise KeyboardInterrupt

    holder("hold", "stay")
    monkeypatch.setattr(client._HolderProcess, "_wait_for_end", interrupt)
    notes = []
    with pytest.raises(KeyboardInterrupt):
        with client.take(request(timeout=SOON, note=notes.append), print):
            pass
    (note,) = notes
    assert "left the lockspace" in note and "goes on" in note


def test_tidy(holder):
    holder("expect tidy")
    client.tidy(request(timeout=SOON), None)


def test_tidy_that_fails(holder):
    holder("fail")
    with pytest.raises(errors.InternalError):
        client.tidy(request(timeout=SOON), None)


def test_tidy_does_not_wait_for_a_writer(holder):
    holder("writing", "stay")
    told = []
    client.tidy(request(timeout=SOON), told.append)
    assert len(told) == 1


def test_without_the_binding(tmp_path, monkeypatch):
    (tmp_path / "sanlock.py").write_text("raise ImportError('not here')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(errors.SanlockFailed) as e:
        take(timeout=SOON)
    assert "not here" in e.value.reason


def no_progress(text):
    raise AssertionError(text)


def test_require_daemon(holder):
    holder("expect probe")
    client.require_daemon(SD, 10, no_progress)


def test_require_daemon_that_is_not_there(monkeypatch, tmp_path):
    """The real holder, with or without the binding."""
    monkeypatch.setenv("SANLOCK_RUN_DIR", str(tmp_path))
    with pytest.raises(errors.SanlockFailed):
        client.require_daemon(SD, 10, no_progress)


def test_require_daemon_that_does_not_answer(holder):
    holder("stay")
    with pytest.raises(errors.LeaseTimeout):
        client.require_daemon(SD, 0.3, lambda text: None)


class Pair:
    """A Held, and the other sides of what it looks at."""

    def __init__(self):
        self.registration, self.daemon = socket.socketpair()
        ours, self.holder = socket.socketpair()
        self.channel = Channel(ours)
        self.held = client.Held(
            *(SD, 250, self.registration.fileno(), self.channel),
            client.now(),
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
    assert time.monotonic() - started < SOON


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


# What nobody else can have


def test_just_taken(pair):
    assert pair.held.is_certain()


def test_taken_a_minute_ago(pair, monkeypatch):
    then = client.now() + 60
    monkeypatch.setattr(client, "now", lambda: then)
    assert not pair.held.is_certain()


def test_the_time_is_the_holders(holder):
    holder("hold", "receive")
    with client.take(request(timeout=SOON), lambda text: None) as held:
        assert 0 <= client.now() - held._taken_at < 60

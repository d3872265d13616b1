# SPDX-License-Identifier: GPL-2.0-or-later
import socket
import threading
import time

import pytest

from tests.support.waiting import SOON
from vdsm_backup import errors
from vdsm_backup.lease.watch import Watch
from vdsm_backup.processes.channel import Channel, ToolGone

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def tool():
    """Our end of the channel, and a way to make the other's Watch."""
    ours, theirs = socket.socketpair()

    class Tool:
        channel = Channel(ours)
        close = ours.close

        @staticmethod
        def watch(timeout=60):
            return Watch(Channel(theirs), SD, timeout)

    yield Tool
    ours.close()
    theirs.close()


def test_step_is_told_once(tool):
    watch = tool.watch()
    watch.step("one")
    watch.step("one")
    watch.step("two")
    assert tool.channel.receive(1) == {"progress": "one"}
    assert tool.channel.receive(1) == {"progress": "two"}


def test_telling_a_tool_that_is_gone_is_no_error(tool):
    watch = tool.watch()
    tool.close()
    watch.tell({"held": 1})
    watch.step("one")


def test_pause_goes_on(tool):
    started = time.monotonic()
    tool.watch().pause(0.2)
    assert time.monotonic() - started >= 0.2


def test_pause_ends_with_the_tool(tool):
    watch = tool.watch()
    threading.Timer(0.1, tool.close).start()
    started = time.monotonic()
    with pytest.raises(ToolGone):
        watch.pause(30)
    assert time.monotonic() - started < SOON


def test_timeout_names_the_step(tool):
    watch = tool.watch(timeout=0.1)
    watch.step("joining")
    with pytest.raises(errors.LeaseTimeout) as e:
        watch.pause(0.1)
    assert e.value.fields() == {
        "domain": SD,
        "seconds": "0.1",
        "step": "joining",
    }


def test_timeout_may_be_something_else(tool):
    busy = errors.LeaseBusy(SD, "host id 3")
    with pytest.raises(errors.LeaseBusy):
        tool.watch(timeout=0).pause(0, busy)


def test_listen_has_no_timeout(tool):
    watch = tool.watch(timeout=0)
    watch.listen(0)
    tool.close()
    with pytest.raises(ToolGone):
        watch.listen(0)


def test_run_returns_and_raises(tool):
    watch = tool.watch()
    assert watch.run(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        watch.run(lambda: 1 / 0)


def test_run_that_is_done_does_not_care_for_the_time(tool):
    assert tool.watch(timeout=0).run(lambda: 42) == 42


@pytest.mark.parametrize(
    "timeout, late, error",
    [
        (60, None, ToolGone),
        (0.2, None, errors.LeaseTimeout),
        (0.2, errors.LeaseBusy(SD, "x"), errors.LeaseBusy),
    ],
)
def test_run_that_is_given_up_is_aborted(tool, timeout, late, error):
    aborted = threading.Event()
    watch = tool.watch(timeout)
    if error is ToolGone:
        tool.close()
    with pytest.raises(error):
        watch.run(aborted.wait, late, abort=aborted.set)
    assert aborted.is_set()


def test_run_does_not_wait_for_what_hangs(tool):
    hang = threading.Event()
    with pytest.raises(errors.LeaseTimeout):
        tool.watch(timeout=0.1).run(hang.wait)
    hang.set()

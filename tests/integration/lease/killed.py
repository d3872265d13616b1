# SPDX-License-Identifier: GPL-2.0-or-later
"""Killed, and what a killed holder left."""

import contextlib
import errno
import os
import signal
import time

from tests.integration.lease.scenarios import (
    ENDS,
    IDLIVE,
    assert_can_take,
    assert_left,
    record,
    scenario,
    wait_left,
)
from tests.support.lease.leasetool import Tool
from tests.support.processes import proc
from tests.support.waiting import wait_until

HOLDER_CALLS = (
    "get_lockspaces",
    "read_lockspace",
    "write",
    "add_lockspace",
    "get_hosts",
    "register",
    "acquire",
    "send_fds",
)


@scenario(
    *[(call, when) for call in HOLDER_CALLS for when in ("before", "after")]
)
def holder_is_killed_before_the_lease_is_ours(hosts, call, when):
    domain = hosts.domain()
    request = domain.request(hosts.one)
    with Tool(hosts.one, request, die=(call, when)) as tool:
        said = tool.read_until("held", "error")
        assert said["error"] == "LeaseLost", said
    # Nobody has it.
    hosts.two.join(domain, 2)
    assert hosts.two.acquire(domain) == 0
    assert_can_take(hosts.one, domain, require_alone=False)
    hosts.two.leave(domain, 2)


@scenario(
    ("rem_lockspace", "before"),
    ("rem_lockspace", "after"),
    ("remove", "before"),
    ("remove", "after"),
)
def holder_is_killed_while_it_leaves(hosts, call, when):
    domain = hosts.domain()
    request = domain.request(hosts.one)
    with Tool(hosts.one, request, die=(call, when)) as tool:
        # remove() is called where there is no record, too.
        said = tool.read_until("held", "error")
        assert "held" in said
        tool.done()
    assert_can_take(hosts.one, domain)


@scenario(("looking",), ("joining",), ("taking",), ("held",))
def tool_is_killed(hosts, step):
    domain = hosts.domain()
    with Tool(hosts.one, domain.request(hosts.one)) as tool:
        while True:
            said = tool.read()
            if step in said or said.get("progress", "").startswith(step):
                break
        tool.kill()
        wait_until(lambda: not proc.running(tool.holder))
    assert_left(hosts.one, domain)
    hosts.two.join(domain, 2)
    assert hosts.two.acquire(domain) == 0
    hosts.two.leave(domain, 2)


@scenario(("tool",), ("holder",), ("tool", "holder"), ("holder", "tool"))
def nobody_gets_the_lease_while_a_writer_lives(hosts, *victims):
    domain = hosts.domain()
    with Tool(hosts.one, domain.request(hosts.one), child=True) as tool:
        tool.held()
        for victim in victims:
            os.kill(
                {"tool": tool.pid, "holder": tool.holder}[victim],
                signal.SIGKILL,
            )
        if victims == ("holder",):
            wait_until(lambda: not tool.check())
        hosts.two.join(domain, 2)
        for _ in range(5):
            assert hosts.two.acquire(domain) == IDLIVE
        request = domain.request(hosts.one, require_alone=False, timeout=ENDS)
        owner = "host id 250 (this host)"
        if "holder" not in victims:
            owner = (
                "another vdsm-backup-domain on this host"
                f" (pid {tool.holder})"
            )
        with Tool(hosts.one, request) as next_tool:
            said = next_tool.read_until("held", "error")
            assert said["error"] == "LeaseBusy"
            assert said["fields"]["owner"] == owner
        assert hosts.one.joined(domain) == 250
        if victims == ("holder",):
            tool.done()
            assert hosts.two.acquire(domain) == IDLIVE
        os.kill(tool.child, signal.SIGKILL)
        # The holder that waited, or the next run's that found the record.
        wait_left(hosts.one, domain)
        assert hosts.two.acquire(domain) == 0
    hosts.two.leave(domain, 2)
    assert_can_take(hosts.one, domain)


@scenario()
def tool_does_not_wait_for_a_stuck_writer(hosts):
    domain = hosts.domain()
    with Tool(hosts.one, domain.request(hosts.one), child=True) as tool:
        tool.held()
        started = time.monotonic()
        tool.done()
        assert time.monotonic() - started < 60
        assert proc.running(tool.holder)
        assert hosts.one.joined(domain) == 250
        assert hosts.one.acquire(domain) == errno.EEXIST
        os.kill(tool.child, signal.SIGKILL)
        wait_until(lambda: not proc.running(tool.holder))
    assert_left(hosts.one, domain)


# What a killed holder left


@contextlib.contextmanager
def left_behind(hosts, domain):
    """A join with its record, and nobody to leave it."""
    with Tool(hosts.one, domain.request(hosts.one)) as tool:
        tool.held()
        os.kill(tool.holder, signal.SIGKILL)
        tool.kill()
    assert hosts.one.joined(domain) == 250
    yield domain.request(hosts.one)


def tidy(host, request):
    host.call("tidy", request._asdict())


@scenario()
def tidy_leaves_what_was_left_behind(hosts):
    domain = hosts.domain()
    with left_behind(hosts, domain) as request:
        tidy(hosts.one, request)
    assert_left(hosts.one, domain)
    tidy(hosts.one, request)
    assert_left(hosts.one, domain)


@scenario()
def tidy_leaves_others_alone(hosts):
    domain = hosts.domain()
    hosts.one.join(domain, 250)
    request = domain.request(hosts.one)
    tidy(hosts.one, request)
    assert hosts.one.joined(domain) == 250
    with Tool(hosts.one, request) as tool:
        tool.held()
        tidy(hosts.one, request)
        assert tool.check()
        tool.done()
    hosts.one.leave(domain, 250)


@scenario()
def tidy_does_not_wait_for_a_writer(hosts):
    domain = hosts.domain()
    with Tool(hosts.one, domain.request(hosts.one), child=True) as tool:
        tool.held()
        os.kill(tool.holder, signal.SIGKILL)
        tool.kill()
        started = time.monotonic()
        tidy(hosts.one, domain.request(hosts.one))
        assert time.monotonic() - started < 60
        assert hosts.one.joined(domain) == 250
        os.kill(tool.child, signal.SIGKILL)
        wait_left(hosts.one, domain)


@scenario(("take",), ("tidy",))
def a_later_join_of_somebody_else_is_not_ours(hosts, how):
    domain = hosts.domain()
    with left_behind(hosts, domain) as request:
        hosts.one.leave(domain, 250)
        hosts.one.join(domain, 250)
        assert record(hosts.one, domain)
        if how == "tidy":
            tidy(hosts.one, request)
        else:
            with Tool(hosts.one, request) as tool:
                assert tool.held() == 250
                tool.done()
    assert record(hosts.one, domain) is None
    assert hosts.one.joined(domain) == 250
    hosts.one.leave(domain, 250)

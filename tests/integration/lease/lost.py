# SPDX-License-Identifier: GPL-2.0-or-later
"""Signals, lost storage, and users."""

import errno
import os
import signal
import time

from tests.integration.lease.scenarios import (
    ENDS,
    assert_can_take,
    assert_left,
    scenario,
    wait_left,
)
from tests.support import rundir
from tests.support.hooks.needs import needs_fuse, needs_other_user
from tests.support.lease.leasetool import Tool
from tests.support.lease.sanlockd import Domain, Host
from tests.support.processes import proc
from tests.support.storage import hangfs
from tests.support.waiting import wait_until


@scenario()
def signals_of_others_are_ignored(hosts):
    domain = hosts.domain()
    with Tool(hosts.one, domain.request(hosts.one)) as tool:
        tool.held()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(tool.holder, number)
        time.sleep(1)
        assert tool.check()
        assert hosts.one.acquire(domain) == errno.EEXIST
        tool.done()
    assert_left(hosts.one, domain)


@scenario(("in time",), ("done",), marks=needs_fuse)
def lost_storage_ends_the_lease_for_all(hosts, tool_is):
    with hangfs.Hangfs() as fs:
        domain = Domain(hosts.one, fs.mount)
        with Tool(hosts.one, domain.request(hosts.one), child=True) as tool:
            tool.held()
            if tool_is == "done":
                tool.done()
            fs.fail("read", errno.EIO, "ids")
            fs.fail("write", errno.EIO, "ids")
            # The child still has the descriptor.
            wait_until(lambda: hosts.one.joined(domain) is None)
            assert proc.running(tool.child)
            if tool_is != "done":
                wait_until(lambda: not tool.check())
            # A second change of this host still has to wait for it.
            assert proc.running(tool.holder)
            fs.clear()
            os.kill(tool.child, signal.SIGKILL)
            if tool_is != "done":
                tool.done()
            wait_left(hosts.one, domain)
        assert_can_take(hosts.one, domain)


@scenario(marks=needs_fuse)
def hanging_storage_does_not_hold_up_the_tool(hosts):
    # A daemon of its own: the one of the others should not get stuck.
    with Host("host4") as host, hangfs.Hangfs() as fs:
        domain = Domain(host, fs.mount)
        fs.hang("read", "ids")
        with Tool(host, domain.request(host, timeout=ENDS)) as tool:
            said = tool.read_until("held", "error")
            assert said["error"] == "LeaseTimeout"
            assert said["fields"]["step"] == (
                "looking whether host id 250 is free"
            )
            assert tool.read() is None
        wait_until(lambda: not proc.running(tool.holder))


@scenario()
def daemon_that_dies_loses_the_lease(hosts):
    host = Host("host5")
    domain = Domain(host, hosts.dir)
    run_dir = rundir.make("lease")
    with Tool(host, domain.request(host, run_dir=run_dir)) as tool:
        tool.held()
        host.stop()
        wait_until(lambda: not tool.check())
        tool.done()
        wait_until(lambda: not proc.running(tool.holder))
    assert set(os.listdir(run_dir)) == {"pid", f"{domain.sd_id}.lock"}
    rundir.remove(run_dir)


# Users


@scenario(marks=needs_other_user)
def holder_is_root_where_the_tool_switched(hosts):
    domain = hosts.domain()
    with Tool(hosts.one, domain.request(hosts.one), euid=36) as tool:
        tool.held()
        with open(f"/proc/{tool.holder}/status") as f:
            lines = dict(line.split(":\t", 1) for line in f)
        assert lines["Uid"].split() == ["0"] * 4
        assert lines["Gid"].split() == ["0"] * 4
        tool.done()
    assert_left(hosts.one, domain)


@scenario(marks=needs_other_user)
def slots_are_read_as_the_given_user(hosts):
    domain = hosts.domain()
    os.chown(domain.ids, 36, 36)
    os.chmod(domain.ids, 0o600)
    assert_can_take(hosts.one, domain, dump_uid=36, dump_gid=36)
    request = domain.request(hosts.one, dump_uid=12345, dump_gid=12345)
    with Tool(hosts.one, request) as tool:
        said = tool.read_until("held", "error")
    assert said["error"] == "SanlockFailed"
    assert said["fields"]["action"] == f"read the lockspace {domain.ids}"
    assert_left(hosts.one, domain)


@scenario()
def lease_without_the_lockspace(hosts):
    """As in one that has failed, of which sanlock says the same."""
    assert hosts.one.acquire(hosts.domain()) == errno.ENOSPC

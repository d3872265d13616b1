# SPDX-License-Identifier: GPL-2.0-or-later
"""Other hosts and other tools."""

import concurrent.futures
import os
import time

from tests.integration.lease.scenarios import (
    ENDS,
    RENEWALS,
    assert_can_take,
    assert_left,
    assert_refused,
    scenario,
)
from tests.support.lease.leasetool import Tool
from tests.support.lease.sanlockd import Host
from tests.support.waiting import wait_until
from vdsm_backup import errors


@scenario()
def lease_of_another_host_is_busy(hosts):
    domain = hosts.domain()
    hosts.two.join(domain, 3)
    request = domain.request(hosts.one, require_alone=False, timeout=ENDS)
    with hosts.two.holding(domain):
        started = time.monotonic()
        assert_refused(hosts.one, request, "LeaseBusy", owner="host id 3")
        # Leaving is not part of the timeout.
        assert ENDS <= time.monotonic() - started < ENDS + 60
        assert_left(hosts.one, domain)
    hosts.two.leave(domain, 3)


@scenario()
def lease_of_another_host_is_waited_for(hosts):
    domain = hosts.domain()
    hosts.two.join(domain, 3)
    with hosts.two.holding(domain) as other:
        request = domain.request(hosts.one, require_alone=False)
        with Tool(hosts.one, request) as tool:
            while "waiting for the SDM lease of host id 3" != tool.read().get(
                "progress"
            ):
                pass
            other.stdin.close()
            assert tool.held() == 250
            tool.done()
    hosts.two.leave(domain, 3)


@scenario()
def lease_of_this_host_is_busy(hosts):
    domain = hosts.domain()
    hosts.one.join(domain, 7)
    with hosts.one.holding(domain):
        request = domain.request(hosts.one, timeout=ENDS)
        owner = "host id 7 (this host)"
        assert_refused(hosts.one, request, "LeaseBusy", owner=owner)
    hosts.one.leave(domain, 7)


@scenario()
def second_tool_of_this_host_waits(hosts):
    domain = hosts.domain()
    with Tool(hosts.one, domain.request(hosts.one)) as first:
        first.held()
        owner = f"another vdsm-backup-domain on this host (pid {first.holder})"
        started = time.monotonic()
        request = domain.request(hosts.one, timeout=ENDS)
        assert_refused(hosts.one, request, "LeaseBusy", owner=owner)
        assert ENDS <= time.monotonic() - started < ENDS + 60
        with Tool(hosts.one, domain.request(hosts.one)) as second:
            assert second.read()["progress"] == f"waiting for {owner}"
            first.done()
            assert second.held() == 250
            second.done()
    assert_left(hosts.one, domain)


@scenario()
def live_host_id_is_refused(hosts):
    domain = hosts.domain()
    hosts.two.join(domain, 250)
    refuses_a_live_host_id(hosts, domain)


def refuses_a_live_host_id(hosts, domain):
    started = time.monotonic()
    request = domain.request(hosts.one)
    assert_refused(
        hosts.one, request, "HostIdInUse", host_id=250, owner="host2"
    )
    assert time.monotonic() - started < RENEWALS
    assert_left(hosts.one, domain)
    assert hosts.two.joined(domain) == 250
    hosts.two.leave(domain, 250)


HOSTILE = {
    "feed": "two\nlines",
    "feeds": "\n" * 48,
    "escape": "a\x1b[31mb",
    "bytes": os.fsdecode(b"\xff\xfe"),
    "forged": "\n00127488 x y 0000000000 0250 0001\n",
    "long": "h\u00f6st " * 9,
}


@scenario(*[(name,) for name in HOSTILE])
def owner_with_a_strange_name(hosts, name):
    """It is named, in our id's slot and in another; later it is no matter."""
    domain = hosts.domain()
    with Host(HOSTILE[name]) as other:
        other.join(domain, 250)
        request = domain.request(hosts.one)
        with Tool(hosts.one, request) as tool:
            said = tool.read_until("held", "error")
        assert said["error"] == "HostIdInUse", said
        owner = said["fields"]["owner"]
        assert owner and owner.isprintable()
        other.leave(domain, 250)
        other.join(domain, 249)
        request = domain.request(hosts.one, require_alone=False)
        with Tool(hosts.one, request) as tool:
            assert tool.held() == 250
            tool.done()
        other.leave(domain, 249)
    assert_can_take(hosts.one, domain)


@scenario()
def host_id_that_is_taken_while_we_join(hosts):
    """
    Our sanlock watches the slot of a host that crashed, for a minute and more.
    Meanwhile a host of the same name comes back. It is found long before that.
    """
    domain = hosts.domain()
    with Host("other") as crashed:
        crashed.join(domain, 250)
    request = domain.request(hosts.one, timeout=65)
    with Tool(hosts.one, request) as tool:
        while not tool.read().get("progress", "").startswith("joining"):
            pass
        with Host("other") as back:
            back.join(domain, 250)
            said = tool.read_until("held", "error")
            assert said["error"] == "HostIdInUse", said
            assert said["fields"]["host_id"] == 250
            assert said["fields"]["owner"] == "other"
            tool.read_until()
            back.leave(domain, 250)
    assert_left(hosts.one, domain)


@scenario()
def vdsm_joins_by_the_host_id_of_another_host(hosts):
    domain = hosts.domain()
    hosts.two.join(domain, 7)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        joining = pool.submit(hosts.one.try_to_join, domain, 7)
        wait_until(lambda: hosts.one.joined(domain))
        assert_refused(
            hosts.one,
            domain.request(hosts.one),
            "HostIdInUse",
            host_id=7,
            owner="host2",
        )
        hosts.two.leave(domain, 7)
        joining.result()


@scenario()
def host_id_that_was_left_is_free(hosts):
    domain = hosts.domain()
    hosts.two.join(domain, 250)
    hosts.two.leave(domain, 250)
    assert_can_take(hosts.one, domain)


@scenario()
def live_hosts_are_refused(hosts):
    domain = hosts.domain()
    hosts.two.join(domain, 3)
    request = domain.request(hosts.one)
    fields = {"hosts": "3 (host2)", "doubt": ""}
    assert_refused(hosts.one, request, "HostsLive", **fields)
    assert_left(hosts.one, domain)
    with Tool(
        hosts.one, domain.request(hosts.one, require_alone=False)
    ) as tool:
        assert tool.held() == 250
        tool.done()
    hosts.two.leave(domain, 3)
    assert_can_take(hosts.one, domain)


@scenario()
def live_hosts_are_refused_where_this_host_has_joined(hosts):
    domain = hosts.domain()
    hosts.two.join(domain, 3)
    hosts.one.join(domain, 7)
    request = domain.request(hosts.one)
    fields = {"hosts": "3 (host2)", "doubt": ""}
    assert_refused(hosts.one, request, "HostsLive", **fields)
    assert hosts.one.joined(domain) == 7
    hosts.two.leave(domain, 3)
    with Tool(hosts.one, domain.request(hosts.one)) as tool:
        assert tool.held() == 7
        tool.done()
    hosts.one.leave(domain, 7)


@scenario()
def hosts_that_may_live_are_refused(hosts):
    domain = hosts.domain()
    with Host("host3") as crashed:
        crashed.join(domain, 3)
    # It is unknown (or live: sanlock 3.9.5) for 8 seconds, failing for 60.
    request = domain.request(hosts.one, timeout=ENDS)
    fields = {"hosts": "3 (host3)", "doubt": errors.HostsLive.DOUBT}
    assert_refused(hosts.one, request, "HostsLive", **fields)
    assert_left(hosts.one, domain)


@scenario()
def dead_hosts_do_not_matter(hosts):
    domain = hosts.domain()
    with Host("host3") as crashed:
        crashed.join(domain, 3)
    # src/timeouts.c: 8 * io_timeout, and 60 seconds for the watchdog. In the
    # first of them sanlock 3.9.5 says that the host is live.
    assert_can_take(hosts.one, domain, timeout=100)


@scenario()
def own_host_id_left_by_a_crash(hosts):
    domain = hosts.domain()
    with Host("other") as crashed:
        crashed.join(domain, 250)
    with Tool(hosts.one, domain.request(hosts.one, timeout=100)) as tool:
        assert tool.held() == 250
        text = (
            "joining the lockspace as host id 250, which other did not leave"
        )
        assert f"{text} in order" in tool.progress
        tool.done()
    assert_left(hosts.one, domain)

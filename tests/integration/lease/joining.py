# SPDX-License-Identifier: GPL-2.0-or-later
"""Joining the lockspace, and leaving it."""

import concurrent.futures
import errno
import os
import shutil

from tests.integration.lease.killed import left_behind
from tests.integration.lease.others import refuses_a_live_host_id
from tests.integration.lease.scenarios import (
    ENDS,
    IDLIVE,
    assert_can_take,
    assert_left,
    assert_refused,
    record,
    scenario,
)
from tests.support.lease.leasetool import Tool
from tests.support.lease.sanlockd import MIB, Host
from tests.support.waiting import wait_until


@scenario()
def joins_and_leaves(hosts):
    domain = hosts.domain()
    with Tool(hosts.one, domain.request(hosts.one)) as tool:
        assert tool.held() == 250
        assert hosts.one.joined(domain) == 250
        assert record(hosts.one, domain)
        assert tool.check()
        assert hosts.one.acquire(domain) == errno.EEXIST
        hosts.two.join(domain, 2)
        assert hosts.two.acquire(domain) == IDLIVE
        tool.done()
        assert "joining the lockspace as host id 250" in tool.progress
        assert tool.progress[-1] == "leaving the lockspace"
    assert_left(hosts.one, domain)
    assert hosts.two.acquire(domain) == 0
    hosts.two.leave(domain, 2)


@scenario()
def uses_the_own_host_id_and_stays(hosts):
    domain = hosts.domain()
    hosts.one.join(domain, 7)
    with Tool(hosts.one, domain.request(hosts.one)) as tool:
        assert tool.held() == 7
        assert record(hosts.one, domain) is None
        tool.done()
        assert tool.progress == ["taking the SDM lease"]
    assert hosts.one.joined(domain) == 7
    assert hosts.one.acquire(domain) == 0
    hosts.one.leave(domain, 7)


@scenario()
def a_host_id_of_vdsm_is_no_gone_pool(hosts):
    domain = hosts.domain()
    hosts.one.join(domain, 7)
    assert_refused(
        hosts.one,
        domain.request(hosts.one, gone_pool="the pool"),
        "VdsmRunning",
        pool="the pool",
        why="this host is in the lockspace of the domain as host id 7, which"
        " is VDSM's",
    )
    assert hosts.one.joined(domain) == 7
    hosts.one.leave(domain, 7)
    assert_can_take(hosts.one, domain)


@scenario()
def waits_for_a_join_that_is_under_way(hosts):
    domain = hosts.domain()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        joining = pool.submit(hosts.one.join, domain, 7)
        wait_until(lambda: hosts.one.joined(domain))
        with Tool(hosts.one, domain.request(hosts.one)) as tool:
            assert tool.held() == 7
            tool.done()
        joining.result()
    assert hosts.one.joined(domain) == 7
    hosts.one.leave(domain, 7)


@scenario(("another",), ("same slots",))
def refuses_a_lockspace_of_another_path(hosts, copied):
    """A copy, from before this host has joined or from after that."""
    domain, replica = hosts.domain(), hosts.domain()
    if copied == "another":
        shutil.copyfile(domain.ids, replica.ids)
    hosts.one.join(domain, 7)
    if copied != "another":
        shutil.copyfile(domain.ids, replica.ids)
    request = domain.request(hosts.one, ids=replica.ids)
    with Tool(hosts.one, request) as tool:
        said = tool.read_until("held", "error")
    assert said["error"] == "SanlockFailed"
    assert domain.ids in said["text"] and replica.ids in said["text"]
    assert hosts.one.joined(domain) == 7
    hosts.one.leave(domain, 7)


@scenario()
def uses_a_lockspace_that_was_joined_by_another_path(hosts):
    domain = hosts.domain()
    os.link(domain.ids, f"{domain.ids}2")
    hosts.one.join(domain, 7)
    request = domain.request(hosts.one, ids=f"{domain.ids}2")
    with Tool(hosts.one, request) as tool:
        assert tool.held() == 7
        tool.done()
    assert hosts.one.joined(domain) == 7
    hosts.one.leave(domain, 7)


@scenario(("same",), ("replica",))
def another_path_must_be_the_same_storage(hosts, which):
    domain = hosts.domain()
    other = f"{domain.ids}2"
    if which == "same":
        os.link(domain.ids, other)
    else:
        shutil.copyfile(domain.ids, other)
    request = domain.request(hosts.one, same_storage=[other])
    with Tool(hosts.one, request) as tool:
        said = tool.read_until("held", "error")
        if which == "same":
            assert said.get("held") == 250, said
            tool.done()
        else:
            assert said.get("error") == "AmbiguousDomain", said
            assert other in said["text"]
    assert_left(hosts.one, domain)


@scenario(("same",), ("replica",))
def leaves_what_was_left_behind_by_another_path(hosts, which):
    domain = hosts.domain()
    other = f"{domain.ids}2"
    with left_behind(hosts, domain) as request:
        if which == "same":
            os.link(domain.ids, other)
        else:
            shutil.copyfile(domain.ids, other)
        request = domain.request(hosts.one, ids=other, timeout=100)
        with Tool(hosts.one, request) as tool:
            assert tool.held() == 250
            tool.done()
    assert_left(hosts.one, domain)


@scenario((1, 4096), (2, 4096), (8, 4096))
def other_sizes(hosts, align, sector):
    domain = hosts.domain(align=align * MIB, sector=sector)
    assert_can_take(hosts.one, domain)
    assert_ends_while_joining(hosts, domain)


@scenario()
def four_k_slot_of_another_host_is_seen(hosts):
    domain = hosts.domain(sector=4096)
    hosts.two.join(domain, 250)
    refuses_a_live_host_id(hosts, domain)


@scenario()
def timeout_names_the_step_and_leaves(hosts):
    domain = hosts.domain()
    assert_ends_while_joining(hosts, domain)
    # sanlock waits once more until the other host is dead to it.
    assert_can_take(hosts.one, domain, timeout=150)


def assert_ends_while_joining(hosts, domain):
    """sanlock watches the slot of a host that crashed for longer."""
    with Host("other") as crashed:
        crashed.join(domain, 250)
    assert_refused(
        hosts.one,
        domain.request(hosts.one, timeout=ENDS),
        "LeaseTimeout",
        seconds=str(ENDS),
        step="joining the lockspace as host id 250, which other did not leave"
        " in order",
    )
    # The tool waited for it.
    assert_left(hosts.one, domain)


@scenario()
def no_daemon_is_told_before_anything_is_touched(hosts):
    domain = hosts.domain()
    dead = Host("dead")
    request = domain.request(dead, run_dir=f"{domain.ids}.run")
    dead.stop()
    with Tool(dead, request) as tool:
        said = tool.read_until("held", "error")
    assert said["error"] == "SanlockFailed"
    assert "No such file" in said["text"]
    assert tool.progress == []
    assert not os.path.exists(request.run_dir)
    domain.check_guards()


@scenario()
def what_is_no_lockspace_is_told(hosts):
    domain = hosts.domain()
    with open(domain.ids, "r+b") as f:
        f.write(b"\0" * 512)
    with Tool(hosts.one, domain.request(hosts.one)) as tool:
        said = tool.read_until("held", "error")
    assert said["error"] == "SanlockFailed"
    assert domain.ids in said["text"]
    assert_left(hosts.one, domain)


@scenario()
def surprises_in_the_holder_come_back(hosts):
    domain = hosts.domain()
    with Tool(hosts.one, domain.request(hosts.one, sector=1000)) as tool:
        said = tool.read_until("held", "error")
    assert said["error"] == "InternalError"
    assert said["fields"]["kind"] == "ValueError"
    assert "1000" in said["fields"]["text"]
    assert_left(hosts.one, domain)


@scenario()
def run_dir_that_cannot_be_used_is_told(hosts):
    domain = hosts.domain()
    request = domain.request(hosts.one, run_dir=f"{domain.ids}/run")
    with Tool(hosts.one, request) as tool:
        said = tool.read_until("held", "error")
    assert said["error"] == "RunDirFailed"
    assert request.run_dir in said["text"]
    assert_left(hosts.one, domain)

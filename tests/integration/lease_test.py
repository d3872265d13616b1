# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lease with real sanlock daemons: two on one storage are two hosts.

Most of the time is sanlock's: joining takes 3 seconds at its smallest I/O
timeout, leaving 2. So all scenarios run side by side, in threads, each on a
domain of its own, and each test waits for its scenario.
"""

import concurrent.futures
import contextlib
import errno
import os
import shutil
import signal
import sys
import threading
import time
import traceback

import pytest

from tests.support import hangfs, rundir, sanlockd
from tests.support.leasetool import Tool
from tests.support.needs import needs_other_user
from tests.support.sanlockd import MIB, Domain, Host

pytestmark = pytest.mark.skipif(
    sanlockd.missing() is not None, reason=str(sanlockd.missing())
)

needs_fuse = pytest.mark.skipif(
    hangfs.missing() is not None, reason=str(hangfs.missing())
)

# sanlock's errno where another live host has the lease (src/sanlock_rv.h).
IDLIVE = -243

# sanlock's renewals with IO_TIMEOUT, and some air for a busy machine.
RENEWALS = 2 * sanlockd.IO_TIMEOUT + 15

# The longest takes 80 seconds; less than the timeout of a test.
PATIENCE = 200

SCENARIOS = {}
MARKS = {}


def scenario(*cases, marks=()):
    """A function (hosts, *case), once for each case."""

    def register(function):
        name = function.__name__
        for case in cases or [()]:
            key = "-".join([name, *(str(part) for part in case)])
            SCENARIOS[key] = (function, case)
            MARKS[key] = marks
        return function

    return register


class Hosts:
    """host1 is where the tool runs unless it is said otherwise."""

    def __init__(self, stack):
        self.one = stack.enter_context(Host("host1"))
        self.two = stack.enter_context(Host("host2"))
        self.dir = rundir.make("lease")
        stack.callback(rundir.remove, self.dir)

    def domain(self, **options):
        return Domain(self.one, self.dir, **options)


class Running:
    """
    A scenario in its thread. A daemon, and not of an executor: one that
    hangs must not keep the test run from its end.
    """

    def __init__(self, hosts, function, case):
        self._future = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=self._run, args=(function, hosts, *case), daemon=True
        )
        self._thread.start()

    def result(self):
        try:
            self._future.result(PATIENCE)
        except concurrent.futures.TimeoutError:
            # May be the scenario's own.
            if self._future.done():
                raise
            frame = sys._current_frames()[self._thread.ident]
            where = "".join(traceback.format_stack(frame))
            pytest.fail(f"after {PATIENCE} seconds it is here:\n{where}")

    def _run(self, function, *args):
        try:
            self._future.set_result(function(*args))
        except BaseException as e:
            self._future.set_exception(e)


@pytest.fixture(scope="module")
def running(request):
    """The scenarios that were chosen, by name; all of them run already."""
    chosen = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path
        and not any(mark.args[0] for mark in item.iter_markers("skipif"))
    ]
    with contextlib.ExitStack() as stack:
        hosts = Hosts(stack)
        yield {name: Running(hosts, *SCENARIOS[name]) for name in chosen}


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        params = [
            pytest.param(name, marks=marks) for name, marks in MARKS.items()
        ]
        metafunc.parametrize("name", params)


def test_lease(running, name):
    running[name].result()


# Helpers


def wait_until(condition, timeout=20):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def record(host, domain):
    path = os.path.join(host.run_dir, f"{domain.sd_id}.json")
    return path if os.path.exists(path) else None


def assert_left(host, domain):
    assert host.joined(domain) is None
    assert record(host, domain) is None
    domain.check_guards()


def wait_left(host, domain):
    wait_until(lambda: record(host, domain) is None)
    assert_left(host, domain)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def assert_can_take(host, domain, **options):
    """The next run gets the lease, and leaves nothing behind."""
    with Tool(host, domain.request(host, **options)) as tool:
        assert tool.held() == 250
        tool.done()
    assert_left(host, domain)


def assert_refused(host, request, name, **fields):
    with Tool(host, request) as tool:
        said = tool.read_until("held", "error")
        assert said.get("error") == name, said
        assert said["fields"] == {"domain": request.sd_id, **fields}


# Joining and leaving


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


@scenario()
def refuses_a_lockspace_of_another_path(hosts):
    domain, replica = hosts.domain(), hosts.domain()
    shutil.copyfile(domain.ids, replica.ids)
    hosts.one.join(domain, 7)
    request = domain.request(hosts.one, ids=replica.ids)
    with Tool(hosts.one, request) as tool:
        said = tool.read_until("held", "error")
    assert said["error"] == "SanlockFailed"
    assert domain.ids in said["text"] and replica.ids in said["text"]
    assert hosts.one.joined(domain) == 7
    hosts.one.leave(domain, 7)


@scenario((1, 4096), (2, 4096), (8, 4096))
def other_sizes(hosts, align, sector):
    domain = hosts.domain(align=align * MIB, sector=sector)
    assert_can_take(hosts.one, domain)
    assert_refused(
        hosts.one,
        domain.request(hosts.one, timeout=1),
        "LeaseTimeout",
        seconds="1",
        step="joining the lockspace as host id 250",
    )
    wait_left(hosts.one, domain)


@scenario()
def four_k_slot_of_another_host_is_seen(hosts):
    domain = hosts.domain(sector=4096)
    hosts.two.join(domain, 250)
    refuses_a_live_host_id(hosts, domain)


@scenario()
def timeout_names_the_step_and_leaves(hosts):
    domain = hosts.domain()
    with Tool(hosts.one, domain.request(hosts.one, timeout=2)) as tool:
        said = tool.read_until("held", "error")
    assert said["error"] == "LeaseTimeout"
    assert said["fields"]["step"] == "joining the lockspace as host id 250"
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
    assert said["error"] == "SanlockFailed"
    assert request.run_dir in said["text"]
    assert_left(hosts.one, domain)


# Others


@scenario()
def lease_of_another_host_is_busy(hosts):
    domain = hosts.domain()
    hosts.two.join(domain, 3)
    request = domain.request(hosts.one, alone=False, timeout=12)
    with hosts.two.holding(domain):
        started = time.monotonic()
        assert_refused(hosts.one, request, "LeaseBusy", owner="host id 3")
        # Leaving is not part of the timeout.
        assert 12 <= time.monotonic() - started < 12 + 20
        assert_left(hosts.one, domain)
    hosts.two.leave(domain, 3)


@scenario()
def lease_of_another_host_is_waited_for(hosts):
    domain = hosts.domain()
    hosts.two.join(domain, 3)
    with hosts.two.holding(domain) as other:
        request = domain.request(hosts.one, alone=False)
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
        request = domain.request(hosts.one, timeout=2)
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
        request = domain.request(hosts.one, timeout=2)
        assert_refused(hosts.one, request, "LeaseBusy", owner=owner)
        assert 2 <= time.monotonic() - started < 15
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
    assert_refused(
        hosts.one, domain.request(hosts.one), "HostsLive", hosts="3"
    )
    assert_left(hosts.one, domain)
    with Tool(hosts.one, domain.request(hosts.one, alone=False)) as tool:
        assert tool.held() == 250
        tool.done()
    hosts.two.leave(domain, 3)
    assert_can_take(hosts.one, domain)


@scenario()
def hosts_that_may_live_are_refused(hosts):
    domain = hosts.domain()
    with Host("host3") as crashed:
        crashed.join(domain, 3)
    # It is unknown for 8 seconds, failing for 60 more.
    request = domain.request(hosts.one, timeout=6)
    assert_refused(hosts.one, request, "HostsLive", hosts="3")
    assert_left(hosts.one, domain)


@scenario(marks=pytest.mark.slow)
def dead_hosts_do_not_matter(hosts):
    domain = hosts.domain()
    with Host("host3") as crashed:
        crashed.join(domain, 3)
    # src/timeouts.c: 8 * io_timeout, and 60 seconds for the watchdog.
    assert_can_take(hosts.one, domain, timeout=100)


@scenario(marks=pytest.mark.slow)
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


# Killed


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
    assert_can_take(hosts.one, domain, alone=False)
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
        wait_until(lambda: not is_running(tool.holder))
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
        request = domain.request(hosts.one, alone=False, timeout=4)
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
        assert time.monotonic() - started < 20
        assert is_running(tool.holder)
        assert hosts.one.joined(domain) == 250
        assert hosts.one.acquire(domain) == errno.EEXIST
        os.kill(tool.child, signal.SIGKILL)
        wait_until(lambda: not is_running(tool.holder))
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


TIDY = """
from vdsm_backup import lease
lease.tidy(lease.Request(**args[0]), progress=lambda text: None)
"""


def tidy(host, request):
    host.call(TIDY, request.__dict__)


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
        assert time.monotonic() - started < 15
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


# Signals and lost storage


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
            assert is_running(tool.child)
            if tool_is != "done":
                wait_until(lambda: not tool.check())
            # A second change of this host still has to wait for it.
            assert is_running(tool.holder)
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
        started = time.monotonic()
        with Tool(host, domain.request(host, timeout=2)) as tool:
            said = tool.read_until("held", "error")
            assert said["error"] == "LeaseTimeout"
            assert said["fields"]["step"] == (
                "looking whether host id 250 is free"
            )
            assert tool.read() is None
        # sanlock itself gives its read up after 10.
        assert time.monotonic() - started < 9
        wait_until(lambda: not is_running(tool.holder))


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
        wait_until(lambda: not is_running(tool.holder))
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

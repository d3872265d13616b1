# SPDX-License-Identifier: GPL-2.0-or-later
"""
Scenarios of the lease that run side by side, in threads, and what they share.
lease_test.py says why, and makes a test of each.
"""

import os

from tests.support import rundir
from tests.support.lease import sanlockd
from tests.support.lease.leasetool import Tool
from tests.support.lease.sanlockd import Domain, Host
from tests.support.waiting import wait_until

# sanlock's errno where another live host has the lease (src/sanlock_rv.h).
IDLIVE = -243

# sanlock's renewals with IO_TIMEOUT, and air for a busy machine. Without our
# own look at the slot it would take sanlock more than a minute.
RENEWALS = 2 * sanlockd.IO_TIMEOUT + 45

# Seconds: a timeout that is to run out, after the steps that come first on a
# busy machine; less than sanlock takes to give up a host. It costs nothing:
# the longest scenario takes more.
ENDS = 30

# The longest takes two minutes; less than the timeout of a test.
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

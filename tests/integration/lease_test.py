# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lease with real sanlock daemons: two on one storage are two hosts.

Most of the time is sanlock's: joining takes 3 seconds at its smallest I/O
timeout, leaving 2. So all scenarios run side by side, in threads, each on a
domain of its own, and each test waits for its scenario.
"""

import contextlib

import pytest

# They register what is in them.
from tests.integration.lease import (  # noqa: F401
    joining,
    killed,
    lost,
    others,
    thawed,
)
from tests.integration.lease.scenarios import (
    MARKS,
    PATIENCE,
    SCENARIOS,
    Hosts,
)
from tests.support.inthread import InThread
from tests.support.lease import sanlockd

pytestmark = [
    pytest.mark.slow("sanlock takes a minute to give up a host"),
    pytest.mark.skipif(
        sanlockd.missing() is not None, reason=str(sanlockd.missing())
    ),
]


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
        yield {
            name: InThread(function, hosts, *case)
            for name, (function, case) in SCENARIOS.items()
            if name in chosen
        }


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        params = [
            pytest.param(name, marks=marks) for name, marks in MARKS.items()
        ]
        metafunc.parametrize("name", params)


def test_lease(running, name):
    running[name].result(PATIENCE)

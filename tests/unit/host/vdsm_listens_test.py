# SPDX-License-Identifier: GPL-2.0-or-later
import os
import socket
import time

import pytest

from tests.support import programs
from tests.support.waiting import SOON
from vdsm_backup.host.vdsm_running import vdsm_listens

# A network of its own, of which only the loopback is up, without IPv6.
NO_IPV6 = """
ip link set lo up
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
exec "$@"
"""


@pytest.fixture
def server():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        yield s


def test_somebody_listens(server):
    server.listen()
    assert vdsm_listens("127.0.0.1", server.getsockname()[1]) is True


def test_nobody_listens(server):
    # Bound but not listening: nobody else can take the port meanwhile.
    assert vdsm_listens("127.0.0.1", server.getsockname()[1]) is False


def test_listens_on_one_of_the_addresses_of_localhost(server):
    server.listen()
    assert vdsm_listens("localhost", server.getsockname()[1]) is True


def test_no_answer_counts_as_running(server):
    # A full queue of one: the kernel drops the next connections.
    server.listen(0)
    address = server.getsockname()
    with socket.create_connection(address):
        start = time.monotonic()
        assert vdsm_listens(*address, timeout=0.3) is True
        assert 0.2 < time.monotonic() - start < SOON


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70])
def test_unknown_host_counts_as_running(host):
    assert vdsm_listens(host, 54321) is True


def test_unreachable_counts_as_running():
    # Broadcast: EACCES or ENETUNREACH, and no packet.
    assert vdsm_listens("255.255.255.255", 54321) is True


@pytest.mark.skipif(os.geteuid() != 0, reason="a network needs root")
@pytest.mark.parametrize("listens", [False, True])
def test_localhost_is_also_an_address_that_this_host_lacks(listens):
    run = programs.run(
        *("tests.support.host.ask", "vdsm_listens"),
        *(["listen"] if listens else []),
        inside=["unshare", "-n", "sh", "-ec", NO_IPV6, "sh"],
        check=True,
    )
    assert run.stdout == f"{listens}\n"

# SPDX-License-Identifier: GPL-2.0-or-later
"""
From the bridge to a host: OpenSSH's client, a real sshd on loopback, and the
agent behind a key. The command line is one that prints its arguments.
"""

import contextlib
import os
import shutil
import sys
import tempfile

import pytest

from tests import ROOT
from tests.support import configfile, rundir
from tests.support.bridge import agent_process, sshd
from tests.support.hooks.needs import needs_command
from tests.support.processes import proc
from tests.support.waiting import SOON, wait_until
from vdsm_backup import errors
from vdsm_backup.bridge import hosts

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="sshd needs root"),
    needs_command("ssh"),
    needs_command(sshd.SSHD),
]

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
HOST_ID = "0a1b2c3d-0000-4000-8000-000000000001"
WANTED = {"reason": "Backup box ticked; $(id) \N{SNOWMAN}", "by": "anna@ad"}

# Seconds, on a busy machine.
TIMEOUT = 50


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    return configfile.write(tmp_path_factory.mktemp("host") / "conf")


@pytest.fixture(scope="module")
def server(configuration):
    words = [sys.executable, "-m", agent_process.__name__, configuration]
    command = " ".join([*words, "--name engine1"])
    made = sshd.Sshd(command, {"PYTHONPATH": ROOT})
    yield made
    made.close()


@pytest.fixture
def client(server):
    directory = os.path.join(server.directory, "client")
    os.mkdir(directory)
    with hosts.Hosts(server.identity, directory) as opened:
        yield opened
    shutil.rmtree(directory)


def host(server, **more):
    fields = {
        "id": HOST_ID,
        "address": server.address,
        "port": server.port,
        "user": server.user,
        "key": server.key,
        "fingerprint": "",
        **more,
    }
    return hosts.Host(**fields)


def test_set(client, server):
    answer = client.ask(host(server), f"set {SD}", WANTED, TIMEOUT)
    assert answer["argv"] == [
        "--json",
        "set",
        SD,
        f"--reason={WANTED['reason']}",
        "--by=anna@ad via bridge engine1",
    ]


def test_refusal_of_the_agent_is_an_answer(client, server):
    answer = client.ask(host(server), f"clear {SD}", WANTED, TIMEOUT)
    assert answer["error"]["name"] == "BridgeNotAllowed"
    answer = client.ask(host(server), "list; id", None, TIMEOUT)
    assert answer["error"]["name"] == "BridgeRequest"


def test_one_connection(client, server):
    for _ in range(3):
        answer = client.ask(host(server), "list", None, TIMEOUT)
        assert answer["argv"] == ["--json", "list"]
    accepted = server.log().count("Accepted publickey")
    client.ask(host(server), "list", None, TIMEOUT)
    assert server.log().count("Accepted publickey") == accepted
    client.close()
    # ssh answers before it removes its socket.
    path = f"{server.directory}/client/{HOST_ID[:13]}"
    wait_until(lambda: not os.path.exists(path))


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_host_with_a_fingerprint_only(client, server, kind):
    found = sshd.fingerprint(f"{server.host_key}.pub", kind)
    old = host(server, key="", fingerprint=found)
    assert client.ask(old, "list", None, TIMEOUT)["schema"] == 1


def test_other_fingerprint(client, server):
    found = sshd.fingerprint(f"{server.identity}.pub")
    other = host(server, key="", fingerprint=found)
    with pytest.raises(errors.HostKeyUnknown, match="none of its keys"):
        client.ask(other, "list", None, TIMEOUT)


@pytest.mark.parametrize(
    "key", ["", "ssh-dss AAAA", "x", "ssh-ed25519 A\nhost ssh-rsa B"]
)
def test_host_without_a_key(client, server, key):
    with pytest.raises(errors.HostKeyUnknown):
        client.ask(host(server, key=key), "list", None, TIMEOUT)


def test_other_key_of_the_host(client, server):
    with open(f"{server.identity}.pub") as f:
        other = host(server, key=f.read())
    with pytest.raises(errors.HostUnreachable, match="verification failed"):
        client.ask(other, "list", None, TIMEOUT)


@pytest.mark.parametrize(
    "more",
    [
        {"address": "-oProxyCommand=id"},
        {"address": "a b"},
        {"address": ""},
        {"user": "-x"},
        {"user": "a b"},
    ],
)
def test_what_is_no_name_never_gets_to_ssh(client, server, more):
    with pytest.raises(errors.HostUnreachable, match="no name of a host"):
        client.ask(host(server, **more), "list", None, TIMEOUT)


def test_nobody_answers(client, server):
    nobody = host(server, port=sshd.free_port(server.address))
    with pytest.raises(errors.HostUnreachable, match="refused"):
        client.ask(nobody, "list", None, TIMEOUT)


def test_key_that_the_host_does_not_know(server, tmp_path):
    other = str(tmp_path / "other")
    sshd.make_key(other)
    with hosts.Hosts(other, server.directory) as client:
        with pytest.raises(errors.HostUnreachable, match="denied"):
            client.ask(host(server), "list", None, TIMEOUT)


@pytest.mark.parametrize(
    "command, words",
    [
        ("echo hello", "no JSON object of ours; it begins: hello$"),
        ("echo; echo {}; echo more", "it begins: {}$"),
        ("echo hello; echo why >&2", "for a bridge: why$"),
        ("true", "no JSON object of ours$"),
    ],
)
def test_other_command_behind_the_key(command, words):
    """Or a .bashrc that prints: what it has said is shown."""
    made = sshd.Sshd(command, {})
    try:
        with hosts.Hosts(made.identity, made.directory) as client:
            with pytest.raises(errors.HostAnswer, match=words):
                client.ask(host(made), "list", None, TIMEOUT)
    finally:
        made.close()


def test_answer_without_an_end():
    """It is left at the limit, and not read to its end before."""
    with contextlib.closing(sshd.Sshd("yes", {})) as endless:
        with hosts.Hosts(endless.identity, endless.directory) as client:
            with pytest.raises(errors.HostAnswer, match="more than"):
                client.ask(host(endless), "list", None, 600)


def test_call_ends_within_its_timeout():
    # It ends with the connection.
    made = sshd.Sshd("exec tail --pid=$PPID -f /dev/null", {})
    try:
        with hosts.Hosts(made.identity, made.directory) as client:
            with pytest.raises(errors.HostUnreachable, match="within 3 s"):
                client.ask(host(made), "list", None, 3)
    finally:
        made.close()


def test_sshd_of_a_run_that_was_killed_is_ended():
    made = sshd.Sshd("exec sleep 3600", {})
    with hosts.Hosts(made.identity, made.directory) as client:
        # As long as it takes to come in.
        with pytest.raises(errors.HostUnreachable, match="no answer"):
            client.ask(host(made), "list", None, SOON)
        (command,) = proc.find(made._process.pid, "sleep")
        sshd.clean_stale(made.directory)
        wait_until(lambda: not proc.running(command))
    made._process.wait()
    rundir.remove(made.directory)


def test_nothing_behind_it_outlives_sshd():
    """Its client keeps the connection for minutes."""
    made = sshd.Sshd("exec sleep 3600", {})
    with tempfile.TemporaryDirectory() as directory:
        with hosts.Hosts(made.identity, directory) as client:
            with pytest.raises(errors.HostUnreachable, match="no answer"):
                client.ask(host(made), "list", None, SOON)
            behind = proc.children(made._process.pid)
            assert [pid for pid in behind if proc.name(pid) == "sleep"]
            made.close()
            wait_until(lambda: not any(map(proc.running, behind)))

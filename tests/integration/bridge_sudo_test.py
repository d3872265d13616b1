# SPDX-License-Identifier: GPL-2.0-or-later
"""
A host that the bridge reaches as a user who is not root: a real sshd, a user
with nothing but a key, sudo with the rule of the example, the agent and the
command. All of it is on a machine of its own, which is gone with the test.
"""

import os
import re
import shutil
import socket

import pytest

from tests import ROOT
from tests.support import pagecommands, rundir
from tests.support.bridge import sshd
from tests.support.closing import Closing
from tests.support.hooks.needs import needs_command
from tests.support.packages.machine import Machine
from tests.support.processes.namespace import Journal, needs_namespace
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.bridge import flags, hosts
from vdsm_backup.host import journal

pytestmark = [
    needs_namespace,
    needs_command("ssh"),
    needs_command(sshd.SSHD),
    pytest.mark.skipif(
        shutil.which("visudo") is None, reason="sudo is not here"
    ),
]

USER, ID = "engine", 990
AGENT = "/usr/libexec/vdsm-backup/bridge-agent"
RULES = "/etc/sudoers.d/vdsm-backup-bridge"
SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
WANTED = {"reason": "Backup box ticked", "by": "anna@ad"}

# Seconds, on a busy machine.
TIMEOUT = 50

# As EL and Debian have it.
SUDOERS = """\
Defaults use_pty
root ALL = (ALL) ALL
@includedir /etc/sudoers.d
"""


def line_of_the_page():
    """What bridge.md has before the key."""
    text = pagecommands.read("docs/bridge.md")
    (found,) = re.findall(r"(?m)^    (restrict,.*sudo.*) ssh-ed25519", text)
    return found


class SudoHost(Closing):
    def __init__(self):
        self.directory = rundir.make("sudo")
        self.machine = Machine()
        self.journal = Journal(os.path.join(self.directory, "journal"))
        self._install()
        self.let_in(line_of_the_page())
        self._start_sshd()

    def close(self):
        self._process.terminate()
        self._process.wait()
        self.journal.close()
        self.machine.close()
        rundir.remove(self.directory)

    def _install(self):
        machine = self.machine
        where = "import sys; print(sys.path[-1])"
        library = machine.sh(f"/usr/bin/python3 -Ic '{where}'").strip()
        machine.copy(os.path.join(ROOT, "vdsm_backup"), library)
        contrib = os.path.join(ROOT, "contrib")
        machine.copy(f"{contrib}/libexec/bridge-agent", os.path.dirname(AGENT))
        machine.copy(f"{contrib}/bin/vdsm-backup-domain", "/usr/bin")
        documents = "/usr/share/doc/vdsm-backup-domain"
        machine.copy(f"{contrib}/sudoers.d", documents)
        machine.bind(self.journal.directory, os.path.dirname(journal.SOCKET))
        machine.put("/etc/sudoers", SUDOERS)
        allowed = "account required pam_permit.so\n"
        machine.put(
            "/etc/pam.d/sudo", allowed + allowed.replace("account", "session")
        )
        machine.put("/etc/hosts", f"127.0.0.1 {os.uname().nodename}\n")
        machine.sh(
            f"""
            mkdir -p /etc/sudoers.d /run/sshd /home/{USER}/.ssh
            chmod 440 /etc/sudoers
            echo {USER}:x:{ID}: >>/etc/group
            echo {USER}:x:{ID}:{ID}::/home/{USER}:/bin/sh >>/etc/passwd
            echo sshd:x:74:74::/run/sshd:/bin/false >>/etc/passwd
            chown -R {USER} /home/{USER}
            chmod -R go= /home/{USER}
            """
        )
        for command in pagecommands.typed("docs/bridge.md"):
            if command.startswith("install -m 440 "):
                machine.sh(command)

    def let_in(self, line):
        """The bridge, behind this line."""
        identity = os.path.join(self.directory, "identity")
        if not os.path.exists(identity):
            sshd.make_key(identity)
        with open(f"{identity}.pub") as f:
            self.machine.put(
                f"/home/{USER}/.ssh/authorized_keys", f"{line} {f.read()}"
            )

    def _start_sshd(self):
        address = sshd.own_address()
        port = sshd.free_port(address)
        key = sshd.make_key(os.path.join(self.directory, "host"))
        with open(os.path.join(self.directory, "host")) as f:
            self.machine.put("/etc/ssh/host", f.read())
        lines = [f"Port {port}", f"ListenAddress {address}"]
        lines += ["HostKey /etc/ssh/host", "UsePAM no", ""]
        self.machine.put("/etc/ssh/sshd_config", "\n".join(lines))
        self.machine.sh("chmod 600 /etc/ssh/host")
        self._process = self.machine.start(
            *(sshd.SSHD, "-D", "-f", "/etc/ssh/sshd_config")
        )
        self.host = hosts.Host("host", address, port, USER, key, "")
        wait_until(self._answers)

    def _answers(self):
        assert self._process.poll() is None
        with socket.socket() as sock:
            found = sock.connect_ex((self.host.address, self.host.port))
            return found == 0

    def ask(self, request, wanted=None):
        sockets = os.path.join(self.directory, "ssh")
        os.mkdir(sockets)
        identity = os.path.join(self.directory, "identity")
        try:
            with hosts.Hosts(identity, sockets) as client:
                return client.ask(self.host, request, wanted, TIMEOUT)
        finally:
            shutil.rmtree(sockets)

    def may(self, *command):
        """Whether the user may run this as root, without a password."""
        return self.machine.run(*("sudo", "-n", "-l", *command), user=(ID, ID))


@pytest.fixture(scope="module")
def host():
    with SudoHost() as made:
        yield made


def test_what_a_bridge_reads(host):
    answer = host.ask("list")
    assert (answer["schema"], answer["domains"]) == (1, [])


def test_what_a_bridge_changes(host):
    """As root: what is missing is the domain. The journal has the address."""
    host.journal.entries()
    answer = host.ask(f"set {SD}", WANTED)
    assert answer["error"]["name"] == "DomainNotFound", answer
    (entry,) = [
        entry
        for entry in host.journal.entries()
        if "VDSM_BACKUP_BRIDGE" in entry
    ]
    assert entry["VDSM_BACKUP_ADDRESS"] == "127.0.0.1"
    assert entry["VDSM_BACKUP_BRIDGE"] == "engine1"
    assert entry["VDSM_BACKUP_DOMAIN"] == SD
    assert entry["VDSM_BACKUP_BY"] == "anna@ad via bridge engine1"


def test_what_is_no_request(host):
    error = host.ask(f"list; touch /x {SD}")["error"]
    assert error["name"] == "BridgeRequest"


ALLOWED = [AGENT, "--name", "engine1"]


def test_the_user_may_run_nothing_else(host):
    assert host.may(*ALLOWED).returncode == 0
    for command in (
        [AGENT],
        [AGENT, "--name", "engine2"],
        [*ALLOWED, "--name", "engine2"],
        ["/usr/bin/vdsm-backup-domain", "list"],
        ["/bin/sh"],
        [f"{AGENT}-x", "--name", "engine1"],
    ):
        assert host.may(*command).returncode != 0, command


def test_a_site_where_sudo_wants_a_terminal(host):
    """As that of EL did once, and there is none here."""
    site = "/etc/sudoers.d/00-site"
    host.machine.put(site, "Defaults requiretty, !env_reset\n")
    host.machine.sh(f"chmod 440 {site}")
    try:
        assert host.ask("list")["domains"] == []
        assert host.may(*ALLOWED).returncode != 0, "the site has its way"
    finally:
        host.machine.sh(f"rm {site}")


@pytest.fixture
def without_rule(host):
    host.machine.sh(f"mv {RULES} /etc/rule")
    yield
    host.machine.sh(f"mv /etc/rule {RULES}")


def test_without_the_rule(host, without_rule):
    """A host that is reached so says what it lacks."""
    with pytest.raises(errors.HostAnswer, match="sudo: .*password"):
        host.ask("list")


def test_without_sudo(host):
    line = line_of_the_page()
    host.let_in(line.replace("/usr/bin/sudo -n ", ""))
    try:
        with pytest.raises(
            errors.HostAnswer,
            match=f"error 9608: This needs root: sudo {AGENT} --name engine1",
        ):
            flags._require_no_error(host.host, host.ask("list"))
    finally:
        host.let_in(line)

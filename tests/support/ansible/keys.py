# SPDX-License-Identifier: GPL-2.0-or-later
"""
A managed host that bridges reach: with our packages, a real sshd that looks
into root's own authorized_keys, and a client that is the bridge's.
"""

import os
import socket
import tempfile

from tests.support.ansible.managed import REPO, play, rescued
from tests.support.bridge import sshd
from tests.support.closing import Closing
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.bridge import hosts

AGENT = "/usr/libexec/vdsm-backup/bridge-agent"
KEYS = "/root/.ssh/authorized_keys"
_CONFIG = "/etc/ssh/sshd_config"

# As an engine has put its own there, and an editor has left it.
OF_THE_ENGINE = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB ovirt-engine"

# Seconds, on a busy machine.
_TIMEOUT = 50


class KeyHost(Closing):
    """
    host: a managed.Managed. directory: of this machine, for what bridges have.
    """

    def __init__(self, host, directory):
        self._host, self._directory = host, directory
        parts = ("domain-[0-9]", "domain-hooks-", "domain-vdsm-")
        patterns = [f"{REPO}/vdsm-backup-{part}*.rpm" for part in parts]
        host.sh(f"rpm --nodeps --force-debian -i {' '.join(patterns)}")
        self.put_keys(OF_THE_ENGINE)
        host.sh("chmod 755 /root/.ssh; chmod 644 " + KEYS)
        self._address = sshd.own_address()
        self._port = sshd.free_port(self._address)
        self._key = self.new_key("host")
        with open(os.path.join(directory, "host")) as f:
            host.put("/etc/ssh/host", f.read())
        host.sh("chmod 600 /etc/ssh/host; mkdir -p /run/sshd")
        host.sh("echo sshd:x:74:74::/run/sshd:/bin/false >>/etc/passwd")
        # All else is sshd's own default, StrictModes too.
        lines = [f"Port {self._port}", f"ListenAddress {self._address}"]
        lines += ["HostKey /etc/ssh/host", "UsePAM no"]
        host.put(_CONFIG, "\n".join([*lines, ""]))
        self._process = host.start(sshd.SSHD, "-D", "-f", _CONFIG)
        wait_until(self._answers)

    def _answers(self):
        assert self._process.poll() is None
        with socket.socket() as sock:
            return sock.connect_ex((self._address, self._port)) == 0

    def close(self):
        self._process.terminate()
        self._process.wait()

    def new_key(self, name):
        """Its public half; asks() takes the name."""
        return sshd.make_key(os.path.join(self._directory, name))

    def put_keys(self, text):
        self._host.put(KEYS, text)

    def keys(self):
        return self._host.read(KEYS).splitlines()

    def modes(self):
        """Of the directory and the file."""
        found = self._host.files()
        return found[os.path.dirname(KEYS)][1:], found[KEYS][1:]

    def asks(self, name, request="list"):
        """What the host answers to who has this key; None: it is shut out."""
        host = hosts.Host(
            name, self._address, self._port, "root", self._key, ""
        )
        private = os.path.join(self._directory, name)
        with tempfile.TemporaryDirectory(dir=self._directory) as sockets:
            with hosts.Hosts(private, sockets) as client:
                try:
                    return client.ask(host, request, None, _TIMEOUT)
                except errors.HostUnreachable as e:
                    assert "Permission denied" in str(e), e
                    return None

    def plays(self, ansible, plays, *options):
        """{name: Play} of plays with one task each; a failure is no end."""
        named = [
            {"name": name, **play(rescued(task))}
            for name, task in plays.items()
        ]
        run = self._host.play(ansible, named, *options)
        assert run.code == 0 and len(run.plays) == len(plays), str(run)
        return dict(zip(plays, run.plays))

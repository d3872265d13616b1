# SPDX-License-Identifier: GPL-2.0-or-later
"""A real sshd on loopback, for one user's keys, with a command for each."""

import contextlib
import getpass
import os
import signal
import socket
import subprocess

from tests.support import rundir
from tests.support.processes import proc
from tests.support.waiting import wait_until

SSHD = "/usr/sbin/sshd"


def make_key(path, kind="ed25519"):
    """A key without a passphrase. Returns its public half."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    with open(f"{path}.pub") as f:
        return " ".join(f.read().split()[:2])


def fingerprint(path, kind="sha256"):
    done = subprocess.run(
        ["ssh-keygen", "-l", "-E", kind, "-f", path],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()[1]


def own_address():
    """
    A loopback address of this process alone. A port that is free there stays
    free until sshd takes it, and while sshd is stopped.
    """
    pid = os.getpid()
    return f"127.{128 | pid >> 16}.{pid >> 8 & 255}.{pid & 255}"


def free_port(address):
    with socket.socket() as sock:
        sock.bind((address, 0))
        return sock.getsockname()[1]


class Sshd:
    """
    command: what the key is for. environ: what it gets beside what sshd sets.
    directory: short, since the sockets of clients are in it.
    key: the public key of the host.
    identity: path of the key that it lets in; None: a new one.
    """

    def __init__(self, command, environ, identity=None):
        self.directory = rundir.make("sshd")
        self.user = getpass.getuser()
        self.address = own_address()
        self.port = free_port(self.address)
        self.host_key = self._path("host_key")
        self.key = make_key(self.host_key)
        self.identity = identity or self._path("identity")
        if identity is None:
            make_key(self.identity)
        self._command = command
        self.let_in(self.identity)
        # A bash that sshd starts reads the .bashrc of who runs the tests, and
        # may take a second and locks for it; a bash in another one does not.
        environ = {"SHLVL": 1, **environ}
        sets = "".join(f" {name}={value}" for name, value in environ.items())
        lines = [
            f"Port {self.port}",
            f"ListenAddress {self.address}",
            f"HostKey {self.host_key}",
            f"AuthorizedKeysFile {self._path('authorized_keys')}",
            f"PidFile {self._path('sshd.pid')}",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            # The directories of tests are below one that all may write to.
            "StrictModes no",
            "PermitRootLogin prohibit-password",
            f"SetEnv{sets}",
        ]
        self._write("sshd_config", "\n".join(lines) + "\n")
        self._process = None
        self._frozen = []
        self.start()

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _write(self, name, text):
        with open(self._path(name), "w") as f:
            f.write(text)

    def start(self):
        os.makedirs("/run/sshd", exist_ok=True)
        config = self._path("sshd_config")
        with open(self._path("log"), "w") as log:
            self._process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", config], stderr=log
            )
        wait_until(self._answers)

    def _answers(self):
        assert self._process.poll() is None, self.log()
        with socket.socket() as sock:
            return sock.connect_ex((self.address, self.port)) == 0

    def log(self):
        with open(self._path("log")) as f:
            return f.read()

    def let_in(self, identity):
        """This one, and no other. identity: path of a key."""
        with open(f"{identity}.pub") as f:
            line = f'restrict,command="{self._command}" {f.read()}'
        self._write("authorized_keys", line)
        self.identity = identity

    def cut(self):
        """All connections end, and what runs behind them goes on."""
        ours = proc.children(self._process.pid)
        proc.kill([pid for pid in ours if proc.name(pid).startswith("sshd")])

    def new_host_key(self):
        """Somebody else answers at this address."""
        self.stop()
        os.remove(self.host_key)
        make_key(self.host_key)
        self.start()

    def freeze(self):
        """It answers nobody any more, and ends no connection."""
        pid = self._process.pid
        self._frozen = [pid, *proc.children(pid)]
        proc.stop(self._frozen)

    def thaw(self):
        proc.kill(self._frozen, signal.SIGCONT)
        self._frozen = []

    def stop(self):
        self.thaw()
        self._process.terminate()
        self._process.wait()

    def close(self):
        # Connections outlive it, for as long as their clients keep them.
        ours = proc.children(self._process.pid)
        self.stop()
        proc.kill(ours)
        rundir.remove(self.directory)


def clean_stale(path):
    """End the sshd whose directory this is, and all that it has started."""
    if os.path.basename(path).startswith("sshd-"):
        with contextlib.suppress(FileNotFoundError, ValueError):
            with open(os.path.join(path, "sshd.pid")) as f:
                pid = int(f.read())
            if path in proc.command(pid):
                proc.kill([*proc.children(pid), pid])

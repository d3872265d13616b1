# SPDX-License-Identifier: GPL-2.0-or-later
"""
The hosts, by OpenSSH's own client.

A host is known by the key that the engine has of it, and by nothing else: no
known_hosts of this machine or of a user is read. An engine has no key of a
host that was added before 4.4, but a fingerprint: then the host is asked for
its keys, and one that fits is taken. A host of which the engine has neither is
never spoken to.

A connection stays open for a while (ControlPersist): to make one takes more
CPU time than all else. Every call ends within its timeout.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.bridge import limited
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from typing import Any

# Seconds: to connect, and how long a connection stays open unused.
CONNECT = 10
PERSIST = 600

# How a client signs and what a host may use, by the kind of its key.
_ALGORITHMS = {
    "ssh-ed25519": "ssh-ed25519",
    "ssh-rsa": "rsa-sha2-512,rsa-sha2-256",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384": "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521": "ecdsa-sha2-nistp521",
}

# A name or an address as it may stand in a command line of ssh.
_ADDRESS = re.compile(r"[A-Za-z0-9:][A-Za-z0-9:._-]*", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_KEY = re.compile(r"([a-z0-9-]+) ([A-Za-z0-9+/]+={0,2})(?: .*)?", re.ASCII)

# The exit code of ssh itself.
_SSH_FAILED = 255

# Bytes of an answer: `list` of a data center with hundreds of domains.
_MAX_ANSWER = 4 * 1024 * 1024

# Characters of what a host says instead: a line of a terminal.
_SHOWN = 200


class Host(NamedTuple):
    """
    How a host is reached. id: its UUID in the engine.

    key: "ssh-ed25519 AAAA...", as the engine has it; "" if it has none.
    fingerprint: "SHA256:..." or 16 bytes of MD5 in hex; "" if it has none.
    """

    id: str
    address: str
    port: int
    user: str
    key: str
    fingerprint: str


class Hosts:
    """
    identity_file: with the private key.
    directory: of this process alone, with a short path: sockets are in it.

    Methods raise HostUnreachable, HostKeyUnknown and HostAnswer.
    """

    def __init__(self, identity_file: str, directory: str) -> None:
        self._identity = identity_file
        self._directory = directory
        self._used: dict[str, Host] = {}

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        for host in self._used.values():
            command = ["ssh", *self._options(host), "-O", "exit", "--"]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    [*command, host.address],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=CONNECT,
                )
        self._used = {}

    def ask(
        self,
        host: Host,
        request: str,
        wanted: dict[str, str] | None,
        timeout: float,
    ) -> dict[str, Any]:
        """
        What the command line of the host answers, one JSON object. It may
        have an `error`.

        request: as the agent takes it. wanted: the object for its stdin.
        timeout: seconds for all of it.
        """
        self._know(host)
        command = ["ssh", *self._options(host), "--", host.address, request]
        # From now on there may be a process of ssh that stays.
        self._used[host.id] = host
        data = json.dumps(wanted).encode() if wanted is not None else b""
        try:
            done = limited.run(command, data, timeout, _MAX_ANSWER)
        except limited.TooLarge:
            reason = f"its answer has more than {_MAX_ANSWER} bytes"
            raise errors.HostAnswer(host.address, reason)
        except subprocess.TimeoutExpired:
            raise errors.HostUnreachable(
                host.address, f"no answer within {timeout} s"
            )
        except OSError as e:
            raise errors.HostUnreachable(host.address, f"ssh: {e.strerror}")
        # Before the last line may be a picture of warnings.
        said = _line(done.stderr, -1)
        if done.code == _SSH_FAILED:
            raise errors.HostUnreachable(host.address, said or "ssh failed")
        return _answer(host, done.stdout, said)

    def _options(self, host: Host) -> list[str]:
        kind = self._known_key(host).partition(" ")[0]
        options = {
            "BatchMode": "yes",
            "ClearAllForwardings": "yes",
            "ConnectTimeout": CONNECT,
            "ControlMaster": "auto",
            "ControlPath": f"{self._directory}/{host.id[:13]}",
            "ControlPersist": PERSIST,
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlgorithms": _ALGORITHMS.get(kind, kind),
            "HostKeyAlias": host.id,
            "IdentitiesOnly": "yes",
            "IdentityFile": self._identity,
            "LogLevel": "ERROR",
            # The others take several times the CPU time.
            "KexAlgorithms": "curve25519-sha256,ecdh-sha2-nistp256",
            "PreferredAuthentications": "publickey",
            "ServerAliveCountMax": 3,
            "ServerAliveInterval": 5,
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "UserKnownHostsFile": self._known_hosts(host),
        }
        given = [f"-o{name}={value}" for name, value in options.items()]
        return ["-F", "none", "-T", *given, f"-p{host.port}", "-l", host.user]

    # The key of a host

    def _known_hosts(self, host: Host) -> str:
        return os.path.join(self._directory, f"known-{host.id}")

    def _known_key(self, host: Host) -> str:
        with open(self._known_hosts(host), encoding="ascii") as f:
            return f.read().partition(" ")[2]

    def _know(self, host: Host) -> None:
        """Write the key by which ssh knows the host."""
        for text, pattern in ((host.address, _ADDRESS), (host.user, _USER)):
            if not pattern.fullmatch(text):
                shown = printable(text)
                raise errors.HostUnreachable(shown, "it is no name of a host")
        if host.key:
            line = _checked(host)
        elif host.fingerprint:
            line = self._asked(host)
        else:
            reason = "the engine has neither its key nor a fingerprint"
            raise errors.HostKeyUnknown(host.address, reason)
        path = self._known_hosts(host)
        with open(f"{path}.new", "w", encoding="ascii") as f:
            f.write(f"{host.id} {line}\n")
        os.rename(f"{path}.new", path)

    def _asked(self, host: Host) -> str:
        """The key that the host shows, if it has the right fingerprint."""
        known = self._known_hosts(host)
        if os.path.exists(known):
            key = self._known_key(host).strip()
            if _fits(key, host.fingerprint):
                return key
        command = ["ssh-keyscan", f"-T{CONNECT}", f"-p{host.port}", "--"]
        try:
            done = subprocess.run(
                [*command, host.address],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=2 * CONNECT,
            )
        except subprocess.TimeoutExpired:
            raise errors.HostUnreachable(host.address, "it shows no key")
        keys = [
            line.partition(" ")[2]
            for line in done.stdout.decode("ascii", "replace").splitlines()
            if not line.startswith("#")
        ]
        if not keys:
            raise errors.HostUnreachable(host.address, "it shows no key")
        for key in keys:
            if _fits(key, host.fingerprint):
                return key
        raise errors.HostKeyUnknown(
            host.address, "none of its keys has the engine's fingerprint"
        )


def _checked(host: Host) -> str:
    found = _KEY.fullmatch(host.key.strip())
    if not found or found[1] not in _ALGORITHMS:
        raise errors.HostKeyUnknown(
            host.address, "the engine's key of it is of a kind that is unknown"
        )
    return f"{found[1]} {found[2]}"


def _fits(key: str, fingerprint: str) -> bool:
    """Whether a key has this fingerprint."""
    found = _KEY.fullmatch(key)
    if not found or found[1] not in _ALGORITHMS:
        return False
    try:
        raw = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        return False
    sha = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    md5 = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    pairs = ":".join(md5[i : i + 2] for i in range(0, len(md5), 2))
    wanted = fingerprint.strip()
    return wanted.rstrip("=") == f"SHA256:{sha}".rstrip("=") or (
        wanted.lower().removeprefix("md5:") == pairs
    )


def _answer(host: Host, data: bytes, said: str) -> dict[str, Any]:
    found = None
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(data)
    if not isinstance(found, dict) or found.get("schema") != 1:
        reason = said or "its answer is no JSON object of ours"
        first = _line(data, 0)
        if first and not said:
            reason += f"; it begins: {first[:_SHOWN]}"
        raise errors.HostAnswer(host.address, reason)
    return found


def _line(data: bytes, index: int) -> str:
    """One of the lines that are not empty, to be shown; "" if none is."""
    lines = data.decode("utf-8", "replace").split("\n")
    lines = list(filter(None, map(str.strip, lines)))
    return printable(lines[index]) if lines else ""

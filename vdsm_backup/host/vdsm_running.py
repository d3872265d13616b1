# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether VDSM may be running on this host, by all that tells of it: systemd,
what listens on its ports, and its pid files. No sign counts alone: VDSM may be
started by hand or in a container, listen on another port or on one address of
another network only, and be restarting just now.

systemd
=======

Where systemd runs, sd_booted(3), it must answer, and say that both services
are stopped. `systemctl is-active UNIT...` prints the state of each unit in a
line (src/systemctl/systemctl-is-active.c). Its exit code is 0 if a unit is
active, reloading or, since version 257, refreshing; otherwise it is 3, or,
since version 254, 4 if it knows none of the units. Any other exit code, other
words, and words that do not agree with the exit code are no answer: systemctl
cannot reach systemd, or ignores the command in a chroot, with exit code 0.

A unit that waits to be started again is "activating". supervdsmd does what
needs root for vdsmd. It goes on when vdsmd alone is stopped.

Ports
=====

The port of our configuration, and the one of VDSM's own, are looked for among
all sockets of this host that listen: VDSM listens on management_ip, which need
not be an address of "localhost". supervdsmd listens on a socket in its run
directory.
"""

from __future__ import annotations

import configparser
import errno
import glob
import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

from vdsm_backup.processes import identity
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

BOOTED = "/run/systemd/system"
UNITS = ("vdsmd.service", "supervdsmd.service")

# Words of systemctl. The first ones go with exit code 0.
_RUNNING = ("active", "reloading", "refreshing")
_CHANGING = ("activating", "deactivating", "maintenance")
_STOPPED = ("inactive", "failed")

# Seconds. systemctl gives up by itself after 25, the default of D-Bus.
_TIMEOUT = 30

# lib/vdsm/common/config.py.in: the file, then the drop-ins of all directories
# sorted by their base names.
CONF = "/etc/vdsm/vdsm.conf"
DROP_INS = (
    "/etc/vdsm/vdsm.conf.d",
    "/usr/lib/vdsm/vdsm.conf.d",
    "/run/vdsm/vdsm.conf.d",
)

# VDSM's @VDSMRUNDIR@. A pid file is of VDSM on hosts without systemd, and of
# supervdsmd --pidfile; the socket is that of supervdsmd.service.
RUN_DIRS = ("/run/vdsm", "/var/run/vdsm")
PID_FILES = ("vdsmd.pid", "supervdsmd.pid")
SOCKET = "svdsm.sock"

# proc(5): a line a socket. 0A is TCP_LISTEN in include/net/tcp_states.h. A
# socket of Unix that listens has the flag __SO_ACCEPTCON, include/linux/net.h.
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTEN = "0A"
_UNIX_TABLE = "/proc/net/unix"
_ACCEPTCON = "00010000"

# The errors of connecting to an address that the host does not have, where
# nobody can listen: "localhost" is ::1 too, also where IPv6 is switched off.
_NO_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def why(host: str, port: int) -> str:
    """
    Why VDSM may be running, in words. Empty if nothing tells of it.

    host, port: where VDSM listens, by our configuration.
    """
    for found in _signs(host, port):
        return found
    return ""


def _signs(host: str, port: int) -> Iterator[str]:
    yield from _by_systemd()
    theirs, problem = _port_of_vdsm()
    if problem:
        yield problem
    for number in sorted({port, theirs or port}):
        if vdsm_listens(host, number) or _has_listener(number):
            yield f"port {number} of this host is taken, which is VDSM's"
    yield from _by_run_dirs()


def _by_systemd() -> Iterator[str]:
    if not os.path.isdir(BOOTED):
        return
    program = shutil.which("systemctl")
    if program is None:
        yield "systemd runs on this host, and there is no systemctl to ask it"
        return
    try:
        # It is root that systemd answers without D-Bus.
        done = subprocess.run(
            [program, "is-active", *UNITS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
            # Variables of systemctl could send it elsewhere.
            env={"PATH": os.defpath, "LC_ALL": "C"},
            timeout=_TIMEOUT,
            cwd="/",
            **identity.root(),
        )
    except subprocess.TimeoutExpired:
        yield f"systemd did not say within {_TIMEOUT} seconds whether it runs"
        return
    except OSError as e:
        yield f"systemd cannot be asked: {e.strerror}"
        return
    states = done.stdout.split("\n")[:-1]
    if not _is_answer(done.returncode, states):
        said = printable(done.stderr.strip() or done.stdout.strip())
        yield (
            "systemd did not say whether it runs: systemctl ended with exit"
            f" code {done.returncode}: {said}"
        )
        return
    for unit, state in zip(UNITS, states):
        if state not in _STOPPED:
            yield f"{unit} of this host is {state}"


def _is_answer(code: int, states: list[str]) -> bool:
    """Whether systemctl has answered, by its exit code and its lines."""
    known = {*_RUNNING, *_CHANGING, *_STOPPED}
    if len(states) != len(UNITS) or not known.issuperset(states):
        return False
    if code == 0:
        return bool(set(states) & set(_RUNNING))
    return code in (3, 4) and not set(states) & set(_RUNNING)


def _port_of_vdsm() -> tuple[int | None, str]:
    """
    The port of VDSM's own configuration, None if that has none; and in words
    why the port is not known, or "".
    """
    found = [path for d in DROP_INS for path in glob.glob(f"{d}/*.conf")]
    parser = configparser.RawConfigParser(strict=False)
    for path in [CONF, *sorted(found, key=os.path.basename)]:
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                parser.read_file(f)
        except FileNotFoundError:
            continue
        except OSError as e:
            return None, f"VDSM's port is not known, {path}: {e.strerror}"
        except configparser.Error as e:
            reason = printable(str(e))
            return None, f"VDSM's port is not known, {path}: {reason}"
    try:
        return parser.getint("addresses", "management_port"), ""
    except (configparser.NoSectionError, configparser.NoOptionError):
        return None, ""
    except ValueError as e:
        reason = printable(str(e))
        return None, f"VDSM's port is not known, in {CONF}: {reason}"


def vdsm_listens(host: str, port: int, timeout: float = 2) -> bool:
    """
    Whether somebody listens on VDSM's port. Only a refused connection says
    no. Whatever else happens, VDSM may be running.

    timeout: seconds, for each address of the host.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return True
    answers = {_connect(f[0], f[4], timeout) for f in found}
    return answers - _NO_ADDRESS != {errno.ECONNREFUSED}


def _connect(family: int, address: Any, timeout: float) -> int | None:
    """
    Connect by TCP. Returns 0, or the number of the error, which is None where
    there was no answer.

    address: as getaddrinfo() gives it; its form depends on the family.
    """
    try:
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(timeout)
            s.connect(address)
    except OSError as e:
        return e.errno
    return 0


def _has_listener(port: int) -> bool:
    """Whether a socket of this host listens on a port, at any address."""
    for table in TABLES:
        for line in _sockets(table):
            _, local, _, state = line.split(None, 4)[:4]
            if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                return True
    return False


def _sockets(table: str) -> list[str]:
    """The lines of a table; none without proc, or without IPv6."""
    try:
        with open(table, encoding="utf-8", errors="surrogateescape") as f:
            return f.read().split("\n")[1:-1]
    except OSError:
        return []


def _by_run_dirs() -> Iterator[str]:
    listening = {
        line.split(None, 7)[7]
        for line in _sockets(_UNIX_TABLE)
        if line.count(" ") >= 7 and line.split()[3] == _ACCEPTCON
    }
    for directory in RUN_DIRS:
        path = os.path.join(directory, SOCKET)
        if path in listening:
            yield f"supervdsmd listens on {path}"
        for name in PID_FILES:
            path = os.path.join(directory, name)
            try:
                with open(path, encoding="ascii", errors="replace") as f:
                    text = f.read(32).strip()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as e:
                yield f"{path} cannot be read: {e.strerror}"
                continue
            if not text.isdecimal():
                yield f"{path} has no pid"
            elif _is_vdsm(int(text)):
                yield f"the process of {path} runs, pid {int(text)}"


def _is_vdsm(pid: int) -> bool:
    """
    Whether this process may be VDSM's. A pid that another program has by now
    says nothing.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        # It is another user's.
        pass
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return b"vdsm" in f.read()
    except OSError:
        return True

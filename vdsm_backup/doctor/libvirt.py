# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether libvirt can be asked for the VMs of this host, and whether its daemon
was started when our hook was there: it looks for hooks when it starts
(virHookInitialize() in src/util/virhook.c).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vdsm_backup.doctor import launcher, started
from vdsm_backup.doctor.checks import OK, UNKNOWN, Finding
from vdsm_backup.processes import scripts
from vdsm_backup.text import printable
from vdsm_backup.users import users

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAME = "libvirt"

# Those that can serve qemu:///system, and their sockets, in the order in which
# libvirt looks for these (remoteGetUNIXSocket() in
# src/remote/remote_sockets.c).
_DAEMONS = {"virtqemud": "virtqemud-sock-ro", "libvirtd": "libvirt-sock-ro"}

SOCKETS = "/run/libvirt"

# No domain has this UUID.
_NOBODY = "00000000-0000-0000-0000-000000000000"

# Seconds for libvirt to answer, as all commands that checks run.
_TIMEOUT = 10


def answers(
    uri: str = users.LIBVIRT_URI, timeout: float = _TIMEOUT
) -> Iterator[Finding]:
    """
    Whether libvirt tells this user which VMs use a domain. Call it as the
    user that asks when it matters.
    """
    script = _ask(uri, timeout)
    unseen = [line["unseen"] for line in script.lines if "unseen" in line]
    for what in unseen:
        text = f"who uses a domain is not known: {printable(what)}"
        yield Finding(_NAME, UNKNOWN, text, _status())
    if not script.lines or "end" not in script.lines[-1]:
        text = f"{uri} has not answered within {timeout:g} seconds: which VMs"
        text += " run is not known"
        yield Finding(_NAME, UNKNOWN, text, _status())
    elif not unseen:
        yield Finding(_NAME, OK, f"{uri} tells which VMs run")


def count(
    uri: str = users.LIBVIRT_URI, timeout: float = _TIMEOUT
) -> int | None:
    """How many VMs run; None if libvirt does not tell."""
    for line in _ask(uri, timeout).lines:
        if "end" in line:
            found: int | None = line.get("count")
            return found
    return None


def _ask(uri: str, timeout: float) -> scripts.Script:
    script = scripts.Script(users.RUNNING_VMS, uri, _NOBODY)
    scripts.collect([script], timeout)
    return script


def _status() -> str:
    return f"systemctl status {' '.join(serving())}"


def serving(
    sockets: str = SOCKETS, units: Sequence[str] = launcher.DIRECTORIES
) -> list[str]:
    """
    The daemon that serves qemu:///system on this host; those that may, if none
    has made its socket.

    units: directories of units, by precedence.
    """
    for name, socket in _DAEMONS.items():
        if os.path.exists(os.path.join(sockets, socket)):
            return [name]
    found = [name for name in _DAEMONS if _is_installed(name, units)]
    return found or list(_DAEMONS)


def _is_installed(name: str, units: Sequence[str]) -> bool:
    paths = (os.path.join(place, f"{name}.service") for place in units)
    there = next(filter(os.path.lexists, paths), None)
    # One that is masked is a link to it.
    return there is not None and os.path.realpath(there) != os.devnull


def daemon(hook: str, proc: str = started.PROC) -> Iterator[Finding]:
    """
    A Finding if the daemon is older than the hook, whose path this is. Call it
    as root, who may look at it.
    """
    try:
        changed = started.changed([hook])
    except OSError:
        # That it is not there is told of elsewhere.
        return
    for process in started.processes(lambda name: name in _DAEMONS, proc):
        # A user's own daemon is none of VDSM's.
        if process.uid == 0 and started.is_later(changed, process):
            text = (
                f"{process.name} (pid {process.pid}) was started before the"
                f" hook was put in place, and looks for hooks when it starts:"
                f" it may not run {os.path.basename(hook)}"
            )
            hint = f"systemctl restart {process.name}, which VMs survive"
            yield Finding("libvirt daemon", UNKNOWN, text, hint)

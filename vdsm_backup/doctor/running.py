# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether what protects this host runs now: VDSM with the plugin, and sanlock;
and whether a VM already uses a flagged domain. One function for each check.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING

from vdsm_backup.doctor import installed, launcher, started
from vdsm_backup.doctor.checks import (
    AS_ROOT,
    BAD,
    LOADING,
    NOTE,
    OK,
    UNKNOWN,
    Finding,
)
from vdsm_backup.host import vdsm_client
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vdsm_backup import config
    from vdsm_backup.doctor.killed_runs import Left
    from vdsm_backup.storage.base import Storage
    from vdsm_backup.users.users import Users

# What VDSM is in the list of processes, with the plugin and without.
_VDSM = (launcher.LAUNCHER, "/usr/libexec/vdsm/vdsmd")


def plugin(
    options: config.Config, directory: str, proc: str = started.PROC
) -> Iterator[Finding]:
    """
    Whether the VDSM that runs has the plugin: it knows our verb then. And
    whether it is the one that is installed.

    directory: of our package for the Python of VDSM; "": it is not known.
    """
    vdsm = vdsm_client.Vdsm(
        options.vdsm_host, options.vdsm_port, options.vdsm_tls
    )
    try:
        with vdsm:
            there = vdsm.plugin() is not None
    except (vdsm_client.Unreachable, vdsm_client.Unanswered) as e:
        text = f"whether VDSM runs with it is not known: {e}"
        # Who is VDSM's user may ask it as root may.
        sure = os.getuid() in (0, options.uid)
        hint = "systemctl status vdsmd" if sure else AS_ROOT
        if isinstance(e, vdsm_client.NoClient):
            hint = f"ask a host of VDSM, by {installed.PYTHON}"
        yield Finding("plugin", UNKNOWN, text, hint)
        return
    except vdsm_client.Refused as e:
        text = "whether VDSM runs with it is not known, it answers with its"
        text += f" error {e.code}: {printable(str(e))}"
        hint = "try again when VDSM is up: systemctl status vdsmd"
        yield Finding("plugin", UNKNOWN, text, hint)
        return
    if not there:
        yield Finding(
            "plugin",
            BAD,
            "VDSM runs without it: live storage migration and preview are not"
            " guarded, and VDSM may lose a flag",
            f"{LOADING}; journalctl -t vdsm-backup-domain",
        )
        return
    old = _older(directory, proc) if directory else None
    if old is None:
        yield Finding("plugin", OK, "VDSM runs with it")
        return
    text = f"VDSM (pid {old.pid}) was started before the plugin that is"
    text += f" installed was put into {directory}, and runs an older one"
    hint = "put the host into maintenance, then systemctl restart vdsmd"
    yield Finding("plugin", NOTE, text, hint)


def _older(directory: str, proc: str) -> started.Process | None:
    """The process of VDSM, if it is older than the package."""
    found = [
        process
        for process in started.processes(_may_be_vdsm, proc)
        if set(_VDSM) & set(started.arguments(process, proc))
    ]
    if not found:
        return None
    newest = max(found, key=lambda process: process.started)
    later = started.is_later(started.changed([directory]), newest)
    return newest if later else None


def _may_be_vdsm(name: str) -> bool:
    """By the name, which is that of the script, or of what runs it."""
    return name == "vdsmd" or name.startswith("python")


def sanlock(left: Left) -> Iterator[Finding]:
    """Whether a lease can be taken: sanlock's module and its daemon."""
    if importlib.util.find_spec("sanlock") is None:
        text = f"{sys.executable} has no binding of it: nothing can be changed"
        yield Finding("sanlock", BAD, text, "install python3-sanlock")
    elif left.lockspaces is not None:
        yield Finding("sanlock", OK, "its daemon answers")
    elif os.getuid() != 0:
        text = f"user {os.getuid()} cannot ask its daemon: {left.no_sanlock}"
        yield Finding("sanlock", UNKNOWN, text, AS_ROOT)
    elif left.is_late:
        text = f"its daemon cannot be asked: {left.no_sanlock}"
        hint = "systemctl status sanlock; sanlock client status"
        yield Finding("sanlock", UNKNOWN, text, hint)
    else:
        text = "its daemon cannot be asked, nothing can be changed:"
        text += f" {left.no_sanlock}"
        yield Finding("sanlock", BAD, text, "systemctl start sanlock")


def violations(
    flagged: Sequence[Storage],
    users: Callable[[Storage], Users],
    unread: Iterable[str],
    domains: int,
    count_vms: Callable[[], int | None],
) -> Iterator[Finding]:
    """
    Whether this host uses a flagged domain as the flag forbids.

    flagged: the domains that are flagged. users: finds the users of one.
    unread: the places of those of which that is not known. domains: how many
    were found. count_vms: tells how many VMs run; None: it is not known.
    """
    name, found = "VMs", False
    unseen: dict[str, list[str]] = {}
    for storage in flagged:
        used = users(storage)
        for use in used.blocking:
            found = True
            text = f"flagged domain {storage.sd_id} is in use: {use}"
            hint = "move its disks elsewhere, or clear the flag"
            yield Finding(name, BAD, text, hint)
        for what in used.unseen_here:
            unseen.setdefault(what, []).append(storage.sd_id)
    for what, ids in unseen.items():
        shown = ", ".join(dict.fromkeys(ids))
        text = f"who uses flagged domain {shown} is not known: {what}"
        yield Finding(name, UNKNOWN, text)
    places = ", ".join(map(printable, unread))
    if places:
        text = f"not looked for on what may be flagged: {places}"
        yield Finding(name, UNKNOWN, text, "see what is said of it here")
    if found or unseen or places:
        return
    if flagged:
        text = "none of this host runs from a flagged domain"
    elif domains:
        text = "none can run from a flagged domain: none that was found is"
        text += " flagged"
    else:
        yield _without_domains(name, count_vms())
        return
    yield Finding(name, OK, text)


def _without_domains(name: str, count: int | None) -> Finding:
    """Where no domain was found, nothing tells what a VM runs from."""
    if count == 0:
        return Finding(name, OK, "none runs on this host; no domain was found")
    if count is None:
        text = "no domain was found, and whether VMs run is not known"
        return Finding(name, UNKNOWN, text, "see libvirt")
    verb = "1 runs" if count == 1 else f"{count} run"
    text = f"{verb} on this host, and no domain was found: whether it is from"
    text += " a flagged one is not known"
    hint = "see domains, and [storage] repo_root and [lvm] devices"
    return Finding(name, UNKNOWN, text, hint)

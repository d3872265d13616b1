# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether what protects this host runs now: VDSM with the plugin, sanlock, and
the journal; and whether a VM already uses a flagged domain. One function for
each check.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING

from vdsm_backup import config, errors
from vdsm_backup.doctor import checks
from vdsm_backup.host import journal, vdsm_client

if TYPE_CHECKING:
    from typing import Callable, Iterable, Iterator

    from vdsm_backup.storage.base import Storage
    from vdsm_backup.users.users import Users

# src/sanlock_sock.h, SANLK_SOCKET_NAME in its run directory.
SANLOCK_SOCKET = "/run/sanlock/sanlock.sock"


def plugin(options: config.Config) -> Iterator[checks.Finding]:
    """Whether the VDSM that runs has the plugin: it knows our verb then."""
    vdsm = vdsm_client.Vdsm(
        options.vdsm_host, options.vdsm_port, options.vdsm_tls
    )
    try:
        with vdsm:
            there = vdsm.has_plugin()
    except (vdsm_client.Unreachable, vdsm_client.Unanswered) as e:
        yield checks.Finding(
            "plugin", checks.NOTE, f"cannot be asked for: {e}"
        )
        return
    if there:
        yield checks.Finding("plugin", checks.OK, "VDSM runs with it")
    else:
        yield checks.Finding(
            "plugin",
            checks.BAD,
            "VDSM runs without it: live storage migration and preview are not"
            " guarded, and VDSM may lose a flag",
            "docs/vdsm.md, Loading; journalctl -t vdsm-backup-domain",
        )


def sanlock(path: str = SANLOCK_SOCKET) -> Iterator[checks.Finding]:
    """Whether a lease can be taken: sanlock's module and its daemon."""
    if importlib.util.find_spec("sanlock") is None:
        text = f"{sys.executable} has no binding of it: nothing can be changed"
        yield checks.Finding(
            "sanlock", checks.BAD, text, "install python3-sanlock"
        )
    elif not os.path.exists(path):
        text = f"its daemon does not run: {path} is not there"
        yield checks.Finding(
            "sanlock", checks.BAD, text, "systemctl start sanlock"
        )
    else:
        yield checks.Finding("sanlock", checks.OK, "its daemon runs")


def journald(path: str = journal.SOCKET) -> Iterator[checks.Finding]:
    """Whether the journal is there, which is told of refusals."""
    if os.path.exists(path):
        yield checks.Finding("journal", checks.OK, path)
    else:
        text = f"{path} is not there: refusals are not logged"
        yield checks.Finding("journal", checks.NOTE, text)


def violations(
    flagged: Iterable[Storage], users: Callable[[Storage], Users]
) -> Iterator[checks.Finding]:
    """
    Whether this host uses a flagged domain as the flag forbids.

    flagged: the domains that are flagged. users: finds the users of one.
    """
    found = False
    for storage in flagged:
        try:
            blocking = users(storage).blocking
        except errors.Error as e:
            yield checks.Finding("VMs", checks.NOTE, f"{storage.sd_id}: {e}")
            continue
        for use in blocking:
            found = True
            text = f"flagged domain {storage.sd_id}: {use}"
            yield checks.Finding(
                "VMs", checks.BAD, text, "move its disks elsewhere"
            )
    if not found:
        yield checks.Finding(
            "VMs", checks.OK, "none of this host runs from a flagged domain"
        )

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which VMs have a permit to use flagged domains on this host, and which permits
nobody can use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.doctor.checks import NOTE, OK, UNKNOWN, Finding
from vdsm_backup.guard import permit_files, permits

if TYPE_CHECKING:
    from typing import Iterator

_NAME = "permits"


def check(directory: str) -> Iterator[Finding]:
    """directory: [guard] permits."""
    try:
        found = permit_files.all_found(directory)
    except errors.PermitFailed as e:
        yield Finding(_NAME, UNKNOWN, str(e), f"see {directory}")
        return
    for vm_id, permit in found.items():
        hint = f"to end it: vdsm-backup-domain permit --vm {vm_id} --revoke"
        if isinstance(permit, errors.PermitUnusable):
            yield Finding(_NAME, NOTE, str(permit), permit.hint_lines()[0])
        elif permit.left > 0:
            text = f"VM {vm_id} may use flagged domains: {permit}"
            yield Finding(_NAME, NOTE, text, hint)
        else:
            text = f"that of VM {vm_id} has expired, at {permit.until}"
            yield Finding(_NAME, NOTE, text, hint)
    problem = _problem(directory)
    if problem:
        text = f"none lifts anything, and none can be made: {problem}"
        hint = f"chown root: {directory}; chmod 0755 {directory}"
        yield Finding(_NAME, NOTE, text, hint)
    elif not found:
        yield Finding(_NAME, OK, "no VM has one")


def _problem(directory: str) -> str:
    """Why permits in this directory lift nothing, or "". None may be there."""
    try:
        permits.require_directory(directory)
    except FileNotFoundError:
        # It is made for the first permit.
        return ""
    except OSError as e:
        return f"{directory}: {e.strerror or e}"
    except ValueError as e:
        return str(e)
    return ""

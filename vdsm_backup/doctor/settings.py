# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether the configuration can be used by those who must, and what it lifts.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from vdsm_backup import config, errors
from vdsm_backup.doctor.checks import (
    AS_ROOT,
    BAD,
    NOTE,
    OK,
    UNKNOWN,
    Finding,
    of_error,
)
from vdsm_backup.guard import policy

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "configuration"
_OF_VDSM = "each hook of VDSM"


def refusing(path: str | None, hooks: str = "each hook") -> str:
    """
    What a configuration that hooks cannot use does. path: of --config, or
    None. hooks: those of this host that it is of.
    """
    if path:
        # Those of this host use another one.
        return "hooks that use this configuration refuse all VMs"
    return f"{hooks} refuses all VMs"


def unusable(error: errors.ConfigInvalid, path: str | None) -> Finding:
    """
    The Finding where this process itself cannot load it. path: of --config,
    or None.
    """
    user, hooks = os.getuid(), "each hook"
    if user != 0 and os.strerror(errno.EACCES) in str(error):
        if user != config.OVIRT_IDS["vdsm"]:
            return Finding(_NAME, UNKNOWN, str(error), AS_ROOT)
        hooks = _OF_VDSM
    text = refusing(path, hooks)
    with contextlib.suppress(errors.ConfigInvalid):
        config.load(path, config.OF_GUARD)
        text = (
            "no hook reads this, but no change is made, and no bridge let in"
        )
    text += f": {error}"
    return Finding(_NAME, BAD, text, of_error("", "", error).hint)


def configuration(
    path: str | None, in_part: bool = False
) -> Iterator[Finding]:
    """
    Whether the user of the hooks may read the configuration, and whether it
    sets options that were removed.

    Call this as that user, if this process can be that user.

    path: of --config, or None. in_part: what hooks do not read of it cannot
    be used, so the best that is found of the rest is not told.
    """
    sections = config.OF_GUARD if in_part else tuple(config.DEFAULTS)
    try:
        options = config.load(path, sections)
    except errors.ConfigInvalid as e:
        text = f"user {os.geteuid()} cannot use it, so"
        text += f" {refusing(path, _OF_VDSM)}: {e}"
        hint = "make it readable, and its directory"
        yield Finding(_NAME, BAD, text, hint)
        return
    if os.geteuid() != options.uid:
        text = f"{options.path}: whether user {options.uid}, the hooks, may"
        text += f" read it, user {os.geteuid()} cannot tell"
        yield Finding(_NAME, UNKNOWN, text, AS_ROOT)
    elif not in_part:
        files = {file for *_, file in options.texts() if file}
        text = ", ".join(sorted(files)) or "no file sets an option"
        yield Finding(_NAME, OK, text)
    for section, option in options.removed:
        text = f"[{section}] {option} is no option any more, and ignored"
        file = options.file_of(section, option)
        instead = config.REMOVED[section, option]
        hint = f"take it out of {file}; instead: {instead}"
        yield Finding(_NAME, NOTE, text, hint)


def guard(options: config.Config) -> Iterator[Finding]:
    """Whether the guard refuses anything."""
    settings = policy.settings(options)
    if settings.mode != policy.ENFORCING:
        text = f"[guard] mode is {settings.mode}: no VM is refused"
        hint = f"mode = enforcing in {options.file_of('guard', 'mode')}"
        yield Finding("guard", BAD, text, hint)
        return
    text = "[guard] mode is enforcing"
    if settings.on_unreadable == policy.ALLOW:
        file = options.file_of("guard", "on_unreadable")
        text += ", but on_unreadable is allow: a VM goes on where the flag"
        text += " cannot be read"
        hint = f"on_unreadable = refuse in {file}"
        yield Finding("guard", NOTE, text, hint)
    else:
        yield Finding("guard", OK, text)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a command has to say that shows something though files of the
configuration cannot be used.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from vdsm_backup import config, errors
from vdsm_backup.cli import output
from vdsm_backup.doctor import settings

if TYPE_CHECKING:
    from vdsm_backup.config import Config

_CLOSED = "only root can tell whether the others can use what is closed to you"
_INSTEAD = "what is shown is by the other files, and by defaults"
_BY_HOOKS = (
    "what is shown is by the other files, by what hooks read of this one, and"
    " by defaults"
)
_STOPPED = (
    "no hook reads this, but until that is mended no change is made, and no"
    " bridge is let in"
)


def notes(options: Config) -> list[str]:
    """On the files that cannot be used. []: all can."""
    if not options.left_out:
        return []
    consequence = _consequence(options)
    return [
        *map(output.error_line, options.left_out),
        _BY_HOOKS if consequence == _STOPPED else _INSTEAD,
        consequence,
    ]


def show(options: Config, ui: output.UI) -> None:
    """The notes for people, and the next steps."""
    ui.notes(notes(options))
    hints = [line for error in options.left_out for line in error.hint_lines()]
    for hint in dict.fromkeys(hints):
        ui.aside(f"hint: {hint}")


def _consequence(options: Config) -> str:
    user, hooks = os.getuid(), "each hook"
    closed = os.strerror(errno.EACCES)
    if user != 0 and any(closed in str(e) for e in options.left_out):
        if user != options.uid:
            # Hooks may be let in there.
            return _CLOSED
        # What libvirt's is let in to, which is root, is not known.
        hooks = "each hook of VDSM"
    if _stops_hooks(options):
        refusing = settings.refusing(_named(options), hooks)
        return f"until that is mended {refusing}"
    return _STOPPED


def _stops_hooks(options: Config) -> bool:
    try:
        require_of_hooks(options)
    except errors.ConfigInvalid:
        return True
    return False


def require_of_hooks(options: Config) -> None:
    """Raise ConfigInvalid unless hooks can use all that they read."""
    if options.left_out:
        config.load(_named(options), config.OF_GUARD)


def _named(options: Config) -> str | None:
    """The path of --config, or None."""
    return options.path if options.path != config.PATH else None

# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that checks run. Each of them only tells something."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from vdsm_backup.processes import identity
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

# Seconds for one command: VDSM takes some to be imported on a busy host.
TIMEOUT = 30


class Failed(Exception):
    """A command that gave no answer; the text says why."""


def run(command: Sequence[str], user: tuple[int, int] | None = None) -> str:
    """
    The stdout of a command. Raises Failed.

    user: (user, group) that it runs as, if this process was started as root.
    None: as the user that started this process.
    """
    options = identity.root()
    if user == (os.geteuid(), os.getegid()):
        # Of a process that has become this user, which may not do it again.
        options = identity.effective()
    elif user:
        options = identity.user(*user)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            cwd="/",
            **options,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"no answer within {TIMEOUT} seconds")
    except OSError as e:
        raise Failed(f"{command[0]}: {e.strerror}")
    if done.returncode:
        # What failed is in the last line, also of a traceback.
        said = done.stderr.strip().rpartition("\n")[2]
        raise Failed(printable(said) or f"exit code {done.returncode}")
    return done.stdout

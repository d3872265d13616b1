# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the completion of the shell knows of domains: those of the last `list` of
root, in a file that bash itself reads, a line each: UUID TAB name. Nothing of
ours reads it. contrib/bash-completion.
"""

from __future__ import annotations

import os

from vdsm_backup.processes import directories, whole_files
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vdsm_backup.config import Config

# In [sanlock] run_dir. The script of the completion has its path.
NAME = "scan"

# Names of domains are no secret on a host: mount(8) shows as much.
_MODE = 0o644


def keep(names: Mapping[str, str], options: Config) -> list[str]:
    """
    Write the file, if we were started as root and run_dir is there.

    names: {UUID: name, or ""}. Returns notes on what went wrong: a list that
    was read is not worth less for it.
    """
    if os.getuid() != 0 or not os.path.isdir(options.run_dir):
        return []
    path = os.path.join(options.run_dir, NAME)
    try:
        whole_files.replace(path, content(names), _MODE)
    except OSError as e:
        reason = directories.why(e, path)
        return [
            f"the shell cannot complete names of domains: {path}: {reason}"
        ]
    return []


def content(names: Mapping[str, str]) -> bytes:
    """Names that a terminal would not show, but obey, are left out."""
    lines = [
        f"{sd_id}\t{name if all(printable(c) == c for c in name) else ''}\n"
        for sd_id, name in sorted(names.items())
    ]
    return "".join(lines).encode("utf-8")

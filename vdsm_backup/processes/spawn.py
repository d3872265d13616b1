# SPDX-License-Identifier: GPL-2.0-or-later
"""
Starts modules of the product as processes, by their dotted names.

A child runs the very code that its parent runs (bootstrap.py). Its working
directory is the root directory, since a mount must not be busy because of a
process that outlives the tool.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import IO, Any, Sequence

import vdsm_backup
from vdsm_backup.processes import bootstrap, identity

# Where the package is found.
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(vdsm_backup.__file__)))


def command(module: str, *args: str) -> list[str]:
    """The command that calls main(args) of a module in a new process."""
    script = os.path.abspath(bootstrap.__file__)
    path = json.dumps(_import_path())
    return [sys.executable, "-I", "-S", script, module, path, *args]


def start(
    module: str,
    args: Sequence[str] = (),
    stdin: int | IO = subprocess.DEVNULL,
    stdout: int | IO = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
    as_root: bool = False,
) -> subprocess.Popen:
    """
    One of the tool's own long-lived processes, the holder or the writer. It
    outlives the tool, so it has a session of its own, and no files but those
    it is given.

    as_root: a tool that was started as root and does its file I/O as another
    effective user gets a process that is root altogether; otherwise it makes
    no difference. By default the identity is inherited.
    """
    options: dict[str, Any] = identity.root() if as_root else {}
    return subprocess.Popen(
        command(module, *args),
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        pass_fds=pass_fds,
        start_new_session=True,
        cwd="/",
        **options,
    )


def _import_path() -> list[str]:
    path = [os.path.abspath(entry) for entry in sys.path]
    if _ROOT not in path:
        path.insert(0, _ROOT)
    return path

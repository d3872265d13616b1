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

import vdsm_backup
from vdsm_backup.processes import bootstrap, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import IO, Any, Protocol

    class Process(Protocol):
        """What we use of a subprocess.Popen."""

        @property
        def pid(self) -> int: ...

        def poll(self) -> int | None: ...

        def wait(self, timeout: float | None = None) -> int: ...

        def kill(self) -> None: ...


# The directory in which the package is found.
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(vdsm_backup.__file__)))


# Runs another module, without any privilege.
CONFINED = "vdsm_backup.processes.confined"

# Starts processes as start() does, and faster: see forks.py.
warm: Callable[..., Process] | None = None


def command(module: str, *args: str) -> list[str]:
    """The command that calls main(args) of a module in a new process."""
    first = os.path.abspath(bootstrap.__file__)
    path = json.dumps(_import_path())
    return [sys.executable, "-I", "-S", first, module, path, *args]


def confined(module: str, *args: str) -> list[str]:
    """
    The command that calls main(args) of a module in a new process, which has
    our effective user and group, and no privileges (confined.py).
    """
    return command(CONFINED, module, *args)


def start(
    module: str,
    args: Iterable[str] = (),
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    pass_fds: Collection[int] = (),
    as_root: bool = False,
) -> Process:
    """
    Start a process that may outlive the tool: the holder, the writer, or a
    script that hangs. So it has a session of its own, and no files but those
    that it is given.

    as_root: a tool that was started as root and does its file I/O as another
    effective user gets a process that is root altogether; otherwise as_root
    makes no difference. By default the child inherits our identity.

    Raises OSError if the process cannot be started.
    """
    how = warm or start_python
    return how(module, args, stdin, stdout, pass_fds, as_root)


def start_python(
    module: str,
    args: Iterable[str] = (),
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    pass_fds: Collection[int] = (),
    as_root: bool = False,
) -> subprocess.Popen[bytes]:
    """As start(), by a new interpreter."""
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

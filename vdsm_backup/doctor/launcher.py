# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether systemd starts VDSM by our launcher, and whether all is there that it
runs for that. A drop-in that names a file that is not there keeps VDSM from
starting: its exit code is 203 then (EXEC), again and again.

systemd.unit(5): drop-ins of all directories are read in the order of their
names, and of those with one name the one in the first directory counts. An
empty ExecStart= forgets those before.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from vdsm_backup.doctor import checks
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from typing import Iterator

UNIT = "vdsmd.service"
LAUNCHER = "/usr/libexec/vdsm-backup/vdsmd"

# Of units, by precedence.
DIRECTORIES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
)

# Before the path of a command: systemd.service(5), Command lines.
_PREFIXES = "@-:+!|"

_HINT = "docs/vdsm.md, Loading"


def check(root: str = "/") -> Iterator[checks.Finding]:
    """root: in place of "/", for tests."""
    unseen = f"systemd has no {UNIT}"
    try:
        found = _command(root)
    except OSError as e:
        found, unseen = None, printable(str(e))
    if found is None:
        text = f"what starts VDSM cannot be seen: {unseen}"
        yield checks.Finding("launcher", checks.NOTE, text)
        return
    file, command = found
    files = [word for word in _words(command) if word.startswith("/")]
    missing = [path for path in files if not _can_run(root, path)]
    if LAUNCHER not in files:
        text = f"{file} starts VDSM without the plugin"
        yield checks.Finding("launcher", checks.BAD, text, _HINT)
    elif missing:
        text = f"{file} names {' and '.join(map(printable, missing))}, which"
        text += " cannot be run: VDSM does not start"
        hint = f"{_HINT}: VDSM 4.50.0.2 or later, the launcher's package; or"
        hint += f" remove {file}"
        yield checks.Finding("launcher", checks.BAD, text, hint)
    else:
        yield checks.Finding("launcher", checks.OK, f"{file} names it")


def _command(root: str) -> tuple[str, str] | None:
    """(the file that says how VDSM is started, the command)"""
    found = None
    for path in _files(root):
        with open(_below(root, path), errors="replace") as f:
            for line in f.read().replace("\\\n", " ").splitlines():
                key, _, value = line.partition("=")
                if key.strip() == "ExecStart" and value.strip():
                    found = path, value.strip()
    return found


def _files(root: str) -> Iterator[str]:
    """The unit and its drop-ins, in the order in which systemd reads them."""
    units = [os.path.join(d, UNIT) for d in DIRECTORIES]
    yield from [u for u in units if os.path.isfile(_below(root, u))][:1]
    drop_ins = {}
    for unit in reversed(units):
        directory = _below(root, f"{unit}.d")
        if os.path.isdir(directory):
            for name in os.listdir(directory):
                if name.endswith(".conf"):
                    drop_ins[name] = os.path.join(f"{unit}.d", name)
    for name in sorted(drop_ins):
        # A link to /dev/null hides those below it, and is empty.
        if os.path.exists(_below(root, drop_ins[name])):
            yield drop_ins[name]


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return [words[0].lstrip(_PREFIXES), *words[1:]]


def _can_run(root: str, path: str) -> bool:
    return path == os.devnull or os.access(_below(root, path), os.X_OK)


def _below(root: str, path: str) -> str:
    return os.path.join(root, path.lstrip("/"))

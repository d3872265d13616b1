# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether systemd starts VDSM by our launcher, and whether all is there that it
runs for that. A drop-in that names a file that is not there keeps VDSM from
starting: its exit code is 203 then (EXEC), again and again.

systemd.unit(5): drop-ins of all directories are read in the order of their
names, and of those with one name the one in the first directory counts, and
hides the others. An empty ExecStart= forgets those before; a service that is
not Type=oneshot must have one, systemd.service(5).
"""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING, NamedTuple

import vdsm_backup
from vdsm_backup.doctor import commands, sums
from vdsm_backup.doctor.checks import (
    AS_ROOT,
    BAD,
    LOADING,
    NOTE,
    OK,
    UNKNOWN,
    Finding,
)
from vdsm_backup.host import vdsm_running
from vdsm_backup.text import os_reason, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


class Unit(NamedTuple):
    """
    What systemd reads of VDSM.

    commands: (the file that says how VDSM is started, the command).
    hidden: {a drop-in: the one with its name that hides it}, of those that
        name our launcher.
    """

    commands: list[tuple[str, str]]
    hidden: dict[str, str]


def check(root: str = "/") -> Iterator[Finding]:
    """root: in place of "/", for tests."""
    try:
        unit = _read(root)
    except OSError as e:
        text = f"what starts VDSM cannot be seen: {printable(os_reason(e))}"
        yield Finding("launcher", UNKNOWN, text, AS_ROOT)
        return
    if unit is None:
        text = f"what starts VDSM cannot be seen: systemd has no {UNIT}"
        hint = "install VDSM, or ask a host that has it"
        yield Finding("launcher", UNKNOWN, text, hint)
        return
    yield _finding(unit, root)


def reloaded(booted: str = vdsm_running.BOOTED) -> Iterator[Finding]:
    """
    Whether systemd has read the files as they are now. booted: a path that is
    there where systemd runs, sd_booted(3).
    """
    program = shutil.which("systemctl")
    if program is None or not os.path.isdir(booted):
        return
    command = [program, "show", "--property=NeedDaemonReload", UNIT]
    try:
        said = commands.run(command)
    except commands.Failed as e:
        text = f"systemd does not say what it has read of {UNIT}: {e}"
        yield Finding("systemd", UNKNOWN, text, AS_ROOT)
        return
    if "NeedDaemonReload=yes" in said:
        text = f"files of {UNIT} have changed, and systemd has not read them:"
        text += " VDSM is started as they were"
        yield Finding("systemd", BAD, text, "systemctl daemon-reload")


def _finding(unit: Unit, root: str) -> Finding:
    file, command = unit.commands[-1]
    words = _words(command)
    hiding = [f"{by} hides {of}" for of, by in sorted(unit.hidden.items())]
    if len(unit.commands) > 1:
        those = " and ".join(dict.fromkeys(f for f, _ in unit.commands))
        text = f"{those} have more than one ExecStart: systemd does not start"
        text += " VDSM"
        hint = "an empty ExecStart= before it forgets the others"
        return Finding("launcher", BAD, text, hint)
    files = [word for word in words if word.startswith("/")]
    missing = [path for path in files if not _can_run(root, path)]
    if LAUNCHER not in files:
        text = f"{file} starts VDSM without the plugin"
        hint = LOADING
        if hiding:
            text += f": {', '.join(hiding)}"
            hint = f"remove {', '.join(sorted(set(unit.hidden.values())))}"
            hint += "; systemctl daemon-reload"
        return Finding("launcher", BAD, text, hint)
    if missing:
        text = f"{file} names {' and '.join(map(printable, missing))}, which"
        text += " cannot be run: VDSM does not start"
        hint = f"{LOADING}: VDSM 4.50.0.2 or later, the launcher's package; or"
        hint += f" remove {file}"
        return Finding("launcher", BAD, text, hint)
    if hiding:
        text = f"{', '.join(hiding)}: what an upgrade changes there does not"
        text += " count"
        hint = f"remove {', '.join(sorted(set(unit.hidden.values())))}"
        return Finding("launcher", NOTE, text, hint)
    if file.startswith("/etc/"):
        text = f"{file} names it: an upgrade of oVirt Node keeps that and"
        text += " drops the launcher, and VDSM does not start then"
        hint = f"move it to {DIRECTORIES[-1]}/{UNIT}.d"
        return Finding("launcher", NOTE, text, hint)
    return _of_content(file, root)


def _of_content(file: str, root: str) -> Finding:
    try:
        with open(_below(root, LAUNCHER), "rb") as f:
            ours = sums.is_ours(os.path.basename(LAUNCHER), f.read())
    except OSError as e:
        text = f"{LAUNCHER} cannot be read: {e.strerror}"
        return Finding("launcher", UNKNOWN, text, AS_ROOT)
    if not ours:
        version = vdsm_backup.__version__
        text = f"{LAUNCHER} is not that of this version ({version})"
        hint = f"install it again: {LOADING}"
        return Finding("launcher", NOTE, text, hint)
    return Finding("launcher", OK, f"{file} names it")


def _read(root: str) -> Unit | None:
    """None if there is no unit, or nothing that starts VDSM."""
    found: list[tuple[str, str]] = []
    paths, hidden = _files(root)
    for path in paths:
        for value in _starts(root, path):
            if value:
                found.append((path, value))
            else:
                found.clear()
    if not found:
        return None
    ours = {
        path: by
        for path, by in hidden.items()
        if os.path.exists(_below(root, path))
        and any(LAUNCHER in _words(v) for v in _starts(root, path) if v)
    }
    return Unit(found, ours)


def _starts(root: str, path: str) -> Iterator[str]:
    """The values of ExecStart in a file, "" for one that forgets others."""
    with open(_below(root, path), errors="replace") as f:
        for line in f.read().replace("\\\n", " ").splitlines():
            key, is_option, value = line.partition("=")
            if is_option and key.strip() == "ExecStart":
                yield value.strip()


def _files(root: str) -> tuple[list[str], dict[str, str]]:
    """
    The unit and its drop-ins, in the order in which systemd reads them; and of
    drop-ins that are hidden, by which.
    """
    units = [os.path.join(d, UNIT) for d in DIRECTORIES]
    paths = [u for u in units if os.path.isfile(_below(root, u))][:1]
    drop_ins: dict[str, str] = {}
    hidden = {}
    for unit in units:
        directory = f"{unit}.d"
        for name in _names(_below(root, directory)):
            path = os.path.join(directory, name)
            if name in drop_ins:
                hidden[path] = drop_ins[name]
            else:
                drop_ins[name] = path
    # A link to /dev/null hides those below it, and is empty.
    paths += [
        drop_ins[name]
        for name in sorted(drop_ins)
        if os.path.exists(_below(root, drop_ins[name]))
    ]
    return paths, hidden


def _names(directory: str) -> Iterable[str]:
    if not os.path.isdir(directory):
        return []
    return [n for n in os.listdir(directory) if n.endswith(".conf")]


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

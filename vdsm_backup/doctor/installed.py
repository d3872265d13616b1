# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether the package is there for the hooks, and whether the plugin fits into
the VDSM that is installed. A child process tells.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

import vdsm_backup
from vdsm_backup.doctor import commands
from vdsm_backup.doctor.checks import (
    AS_ROOT,
    BAD,
    LOADING,
    NOTE,
    OK,
    UNKNOWN,
    Finding,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# The interpreter that the first line of the hooks names.
PYTHON = "/usr/bin/python3"

_INSTALL = (
    "install it for {}, with umask 022: /usr/share/doc/vdsm-backup-domain"
    "/README.md, Install"
)


class Package(NamedTuple):
    """
    What the Python of the hooks has.

    problem: why it cannot load our package, or "". The others are not known
    then.
    """

    problem: str
    version: str = ""
    directory: str = ""
    ioprocess: bool = False


def package_of(python: str, user: tuple[int, int]) -> Package:
    """user: (user, group) of VDSM's hooks."""
    code = (
        "import importlib.util, json, vdsm_backup, vdsm_backup.hooks.answer;"
        " print(json.dumps([vdsm_backup.__version__, vdsm_backup.__file__,"
        " importlib.util.find_spec('ioprocess') is not None]))"
    )
    try:
        # As in the first line of the hooks.
        said = commands.run([python, "-IXutf8", "-c", code], user)
        version, file, ioprocess = json.loads(said)
    except commands.Failed as e:
        return Package(str(e))
    except (ValueError, TypeError):
        return Package("it does not say which package it has")
    return Package("", version, os.path.dirname(file), ioprocess)


def package(found: Package, python: str, sure: bool) -> Iterator[Finding]:
    """
    Whether the Python of the hooks finds our package.

    sure: it was asked as the user of the hooks.
    """
    ours = vdsm_backup.__version__
    if found.problem and sure:
        text = f"{python} cannot load it, and each hook refuses all VMs:"
        text += f" {found.problem}"
        yield Finding("package", BAD, text, _INSTALL.format(python))
    elif found.problem:
        text = f"{python} cannot load it as this user: {found.problem}"
        yield Finding("package", UNKNOWN, text, AS_ROOT)
    elif found.version != ours:
        text = f"the hooks have {found.version}, this command is {ours}"
        hint = "install the same version of both, then restart vdsmd"
        yield Finding("package", NOTE, text, hint)
    else:
        text = f"{python} has {found.version}, in {found.directory}"
        yield Finding("package", OK, text)


def plugin_fits() -> Iterator[Finding]:
    """
    Whether the plugin fits into the VDSM that is installed.

    A child process tells: VDSM imports libvirt, which refuses to load where
    the real and the effective user differ.
    """
    code = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1])\n"
        "import vdsm\n"
        "from vdsm_backup.plugin import install\n"
        "print(json.dumps(install.problems()))"
    )
    command = [sys.executable, "-c", code, json.dumps(sys.path)]
    try:
        said = commands.run(command)
        problems = json.loads(said.strip().rpartition("\n")[2])
    except (commands.Failed, ValueError) as e:
        text = f"whether the plugin fits is not known: {e}"
        hint = f"on a host of VDSM, with {PYTHON}: python3 -m vdsm_backup"
        hint += " doctor --vdsm"
        yield Finding("vdsm", UNKNOWN, text, hint)
        return
    for problem in problems:
        text = f"the plugin does not fit into the one installed: {problem}"
        yield Finding("vdsm", BAD, text, LOADING)
    if not problems:
        text = "the plugin fits into the one installed"
        yield Finding("vdsm", OK, text)

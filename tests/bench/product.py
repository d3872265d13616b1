# SPDX-License-Identifier: GPL-2.0-or-later
"""
The product as it is installed, of this tree or of another commit: its package
with .pyc, its hook scripts, and its command, for the system's Python.

The package is in a directory of its own, so that two of them can be measured
side by side. The scripts are told of it, and of the configuration of the
bench; nothing else is changed in them.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile

from tests import ROOT
from tests.bench.timing import Command

PYTHON = "/usr/bin/python3"
PACKAGE = "vdsm_backup"
NAME = "99_vdsm_backup"

# As pip makes it for an entry point, but for the -I.
_COMMAND = """\
#!{python} -I
import sys
sys.path.append({library!r})
from vdsm_backup.cli.main import run
sys.exit(run())
"""


class Product:
    """
    name: what rows say of it. directory: a new one, for it. source: a tree
    that has the package and the hooks.
    """

    def __init__(self, name: str, directory: str, source: str = ROOT) -> None:
        self.name = name
        self.library = os.path.join(directory, "lib")
        self._source = source
        self._directory = directory
        shutil.copytree(
            os.path.join(source, PACKAGE),
            os.path.join(self.library, PACKAGE),
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        compiling = [PYTHON, "-I", "-m", "compileall", "-q", self.library]
        subprocess.run(compiling, check=True)
        self.command = os.path.join(directory, "vdsm-backup-domain")
        text = _COMMAND.format(python=PYTHON, library=self.library)
        _write_script(self.command, text)
        self._require_ours()

    def hook(self, point: str, config: str) -> str:
        """The path of a hook script that uses this configuration."""
        path = os.path.join(self._source, "hooks", point, NAME)
        with open(path) as f:
            text = f.read()
        text = installed(text, point, self.library, config)
        path = os.path.join(self._directory, "hooks", point, NAME)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write_script(path, text)
        return path

    def cli(
        self, config: str, *args: str, env: dict[str, str] | None = None
    ) -> Command:
        return Command([self.command, "--config", config, *args], env)

    def code(self, program: str, *args: object) -> list[str]:
        """A program of the bench that imports this package."""
        path = os.path.join(os.path.dirname(__file__), "programs", program)
        return [PYTHON, "-I", path, self.library, *map(str, args)]

    def _require_ours(self) -> None:
        code = f"import sys; sys.path.append({self.library!r})"
        code += f"; import {PACKAGE} as p; print(p.__file__)"
        done = subprocess.run(
            [PYTHON, "-I", "-c", code],
            check=True,
            capture_output=True,
            text=True,
        )
        if not done.stdout.startswith(self.library):
            raise RuntimeError(
                f"{PYTHON} has a {PACKAGE} of its own, which would be"
                f" measured: {done.stdout.strip()}"
            )


def installed(text: str, point: str, library: str, config: str) -> str:
    """
    The text of a hook script that finds the package in a directory, and uses
    another configuration.
    """
    if point == "qemu.d":
        call, ours = r"\blibvirt\(\)", f"libvirt(config={config!r})"
    else:
        call, ours = rf'\bvdsm\("{point}"\)', f'vdsm("{point}", {config!r})'
    for old, new in (
        (call, ours),
        (r"^import sys$", f"import sys; sys.path.append({library!r})"),
    ):
        text, count = re.subn(old, lambda _, new=new: new, text, flags=re.M)
        if count != 1:
            raise RuntimeError(f"the hook {point} has {count} times {old}")
    return text


def of_commit(commit: str, directory: str) -> Product:
    """
    The product of another commit. Its tree is not a worktree of git: that
    would stay known to git when the bench is killed.
    """
    source = os.path.join(directory, "source")
    os.makedirs(source)
    done = subprocess.run(
        ["git", "archive", commit, PACKAGE, "hooks"],
        cwd=ROOT,
        capture_output=True,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"no product of {commit}: {said}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(source)
    return Product(commit, os.path.join(directory, "installed"), source)


def _write_script(path: str, text: str) -> None:
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)

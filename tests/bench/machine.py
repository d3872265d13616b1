# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bench ran on, in a line."""

from __future__ import annotations

import os
import subprocess

from tests.bench.product import PYTHON
from vdsm_backup.lvm import command as lvm_command

# How pyperf calls what it knows of a machine.
_FROM_PYPERF = ("cpu_model_name", "cpu_count", "platform", "load_avg_1min")


def describe(pyperf_metadata: dict[str, object]) -> str:
    """One sentence, of what pyperf knows and what it does not."""
    found = {k: pyperf_metadata.get(k, "unknown") for k in _FROM_PYPERF}
    return (
        f"{found['cpu_count']} CPUs ({found['cpu_model_name']}),"
        f" {_memory()} GB of memory, {found['platform']},"
        f" {_said([PYTHON, '-V'])}, {_lvm()}, load at the beginning"
        f" {found['load_avg_1min']}"
    )


def _memory() -> int:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return round(pages / 1e9)


def _lvm() -> str:
    version = _said([lvm_command.LVM, "version"]).partition("\n")[0]
    number = version.partition(":")[2].split()
    return f"LVM {number[0] if number else 'unknown'}"


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return f"no {command[0]}"
    return done.stdout.strip()

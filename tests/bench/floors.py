# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a row is compared with: the least that anybody could do. No floor has
anything of the product in it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.bench.product import PYTHON
from tests.bench.timing import Command
from vdsm_backup.lvm import command as lvm_command

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAMS = os.path.join(os.path.dirname(__file__), "programs")

# What any report about domains has to ask for.
_FIELDS = "pv_name,pv_uuid,vg_name,vg_uuid,vg_attr,vg_tags"


def python() -> Command:
    """A Python that does nothing."""
    return Command([PYTHON, "-I", "-c", "pass"])


def empty_hook(xml: str) -> Command:
    """A hook that reads the XML of a VM, as VDSM's hooks do, and no more."""
    path = os.path.join(PROGRAMS, "empty_hook.py")
    return Command([PYTHON, "-I", path], {"_hook_domxml": xml})


def lvm(devices: Sequence[str], env: dict[str, str] | None = None) -> Command:
    """One report of lvm about some devices. env: that of the row."""
    limit = ["--devices", ",".join(devices)]
    report = ["--reportformat", "json", "--options", _FIELDS]
    return Command([lvm_command.LVM, "pvs", *limit, *report], env)

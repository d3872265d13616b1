# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests do with a block domain."""

import contextlib
import os

import pytest

from tests.support.storage import loop
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.lvm.activation import Activation
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.block import BlockStorage

needs_block = pytest.mark.skipif(
    bool(loop.missing()), reason=loop.missing() or "nothing is missing"
)


def storage(domain, devices=(), timeout=30):
    runner = Lvm(devices or domain.devices, timeout)
    return BlockStorage(domain.sd_id, runner, domain.lv_dir)


def activation(domain):
    """Of the LVs of a lease."""
    run_dir = os.path.join(domain.dir, "run")
    return Activation(run_dir, domain.sd_id, no_step, 30, no_step, no_step)


def flagged(domain, value="True", **more):
    """The lines of a domain with the flag."""
    return sorted(md_lines.flush({**domain.values, "BACKUP": value, **more}))


def no_step(*args):
    """Goes on at each step of a write."""


def seqno(domain):
    """How often the metadata of the VG was committed."""
    return int(domain.report("vgs", "vg_seqno", domain.sd_id)[0]["vg_seqno"])


def vgchange_is(directory, *lines):
    """As lvm_is(), in place of one command."""
    only = '[ "$1" = vgchange ] || exec $LVM "$@"'
    return lvm_is(directory, only, *lines)


@contextlib.contextmanager
def lvm_is(directory, *lines):
    """
    A script in place of lvm; "$LVM" "$@" is what it would be.
    """
    path = os.path.join(directory, "lvm-script")
    script = ["#!/bin/sh", f"LVM={lvm_command.LVM}", *lines]
    with open(path, "w") as f:
        f.write("\n".join(script) + "\n")
    os.chmod(path, 0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lvm_command, "LVM", path)
        yield

# SPDX-License-Identifier: GPL-2.0-or-later
"""
How lvm reads devices on this host: global/use_aio of its lvm.conf. Both ways
are right, and which one is quicker depends on the storage. It is in the file
or nowhere: lvm has made its choice before it reads --config.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vdsm_backup.doctor import checks
from vdsm_backup.host import devices
from vdsm_backup.lvm import command as lvm_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vdsm_backup.config import Config

# Seconds for lvm, which reads its files and no device.
_TIMEOUT = 10

_HINT = "man 5 vdsm-backup.conf, LVM's own configuration"

# By what lvm says. The waiting is of the kernel: io_destroy(2).
_MEANS = {
    "use_aio=1": "lvm reads all devices at once, and waits some 30 ms for that"
    " at the end of each command (use_aio = 1)",
    "use_aio=0": "lvm reads one device after the other, which is quick as long"
    " as they are (use_aio = 0)",
}


def check(options: Config) -> Iterator[checks.Finding]:
    """What is configured, on a host that has devices for LVM."""
    if devices.configured_or_multipath(options.lvm_devices):
        # No more than a note: no answer makes a host less protected.
        text = _MEANS.get(_configured(), "how lvm reads devices is not known")
        yield checks.Finding("lvm I/O", checks.NOTE, text, _HINT)


def _configured() -> str:
    """What lvm says of the setting; anything if it says nothing of it."""
    limits = lvm_command.limits([os.devnull])
    command = ["config", *limits, "--type", "full", "global/use_aio"]
    try:
        return lvm_command.run(command, _TIMEOUT).out.strip()
    except OSError:
        # Another check tells that lvm cannot be run.
        return ""

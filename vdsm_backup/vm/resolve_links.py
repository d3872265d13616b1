# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: where paths lead when all links on them are followed.

Its arguments are the paths, on mounts that can hang for ever (see
processes/scripts.py). It writes one JSON object a line. All that is met on
the way of a path counts, so each Step (links.py) is written, and flushed,
before anything further on the way is touched:

    {"path": "/a/link", "name": "/b/file"}
    {"path": "/a/link", "domain": "/b/images/<sd>"}

Then, where the file is a device, its number (host/block_stack.py):

    {"path": "/a/link", "device": "block/253:3"}

After those of a path comes one of

    {"path": "/a/link", "followed": true}
    {"path": "/a/link", "failed": "the paths of the VM ..."}
"""

from __future__ import annotations

from vdsm_backup import errors
from vdsm_backup.host import block_stack
from vdsm_backup.processes.script_output import say
from vdsm_backup.vm import links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable


def main(paths: Iterable[str]) -> None:
    limits = links.Limits()
    for path in paths:
        try:
            for step in links.follow(path, limits):
                say({"path": path, step.kind: step.path})
        except errors.VmUnclear as e:
            say({"path": path, "failed": e.why})
            continue
        number = block_stack.number(path)
        if number is not None:
            say({"path": path, "device": number})
        say({"path": path, "followed": True})

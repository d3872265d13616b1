# SPDX-License-Identifier: GPL-2.0-or-later
"""
In a child process: where paths lead when all links on them are followed.

The paths are on mounts that can hang for ever. All that is met on the way of a
path counts, so each Step (links.py) is said before anything further on the way
is touched:

    {"path": "/a/link", "name": "/b/file"}
    {"path": "/a/link", "domain": "/b/images/<sd>"}

Then, where the file is a device, its number (host/block_stack.py):

    {"path": "/a/link", "device": "block/253:3"}

After those of a path comes one of

    {"path": "/a/link", "followed": "yes"}
    {"path": "/a/link", "failed": "the paths of the VM ..."}

The process is a script, whose arguments are the paths (processes/scripts.py).
Or it is a fork of the one that asks, and knows the paths (followers.py).
"""

from __future__ import annotations

from vdsm_backup import errors
from vdsm_backup.host import block_stack
from vdsm_backup.vm import links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable


def main(paths: Iterable[str]) -> None:
    from vdsm_backup.processes.script_output import say

    follow(paths, say)


def follow(
    paths: Iterable[str], say: Callable[[dict[str, str]], None]
) -> None:
    """say: called with each of the above."""
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
        say({"path": path, "followed": "yes"})

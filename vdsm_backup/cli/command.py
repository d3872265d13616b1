# SPDX-License-Identifier: GPL-2.0-or-later
"""What a command of the command line is."""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.cli.arguments import Argument


class Command(
    namedtuple(
        "Command",
        "name module help options changes needs_root on_host becomes_user"
        " examples in_part",
        defaults=[(), False, False, True, True, (), False],
    )
):
    """
    A command of the command line.

    module: in this package. Its run(args, options, ui) returns the Exit.
        Empty: the parser does it all.
    changes: the command writes to storage, and needs directories on this
        host.
    needs_root: only root can do this, or the configured user. All commands
        with `changes` need root as well.
    on_host: the command has to do with this host, and so needs the
        configuration of the host. If not, its run() gets None as options.
    examples: arguments, as one would type them.
    becomes_user: the process becomes the configured user before it calls
        run(). If not, run() does so itself.
    in_part: the command shows what there is also where a file of the
        configuration cannot be used, and says so: see parts.py.
    """

    __slots__ = ()
    name: str
    module: str
    help: str
    options: tuple[Argument, ...]
    changes: bool
    needs_root: bool
    on_host: bool
    becomes_user: bool
    examples: tuple[str, ...]
    in_part: bool

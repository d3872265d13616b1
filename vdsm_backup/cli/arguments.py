# SPDX-License-Identifier: GPL-2.0-or-later
"""Arguments of commands, as data: those that several commands have."""

from __future__ import annotations

from collections import namedtuple

from vdsm_backup.cli import values
from vdsm_backup.cli.values import not_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Argument(namedtuple("Argument", "names settings")):
    """The arguments of add_argument: names by position, settings by name."""

    __slots__ = ()
    names: tuple[str, ...]
    settings: dict[str, Any]


def option(*names: str, **settings: Any) -> Argument:
    return Argument(names, settings)


def flag(name: str, text: str) -> Argument:
    return option(name, action="store_true", help=text)


_SD: dict[str, Any] = {
    "metavar": "SD",
    "type": not_empty,
    "help": "UUID, its beginning, or unique name; or where the only domain is"
    " mounted: server:/export, a path",
}
SD = option("sd", **_SD)
MAYBE_SD = option("sd", nargs="?", **_SD)
MANY_SD = option("sd", nargs="*", **_SD)

PATH = option(
    "--path",
    metavar="DIR",
    type=not_empty,
    help="a domain's directory, or a mount of domains, anywhere",
)
DEVICE = option(
    "--device",
    metavar="DEV",
    type=not_empty,
    help="a block device that is a PV of the domain",
)
PATH_TO_CHANGE = option(
    "--path",
    metavar="DIR",
    type=not_empty,
    help="where SD is, if it is mounted more than once: its directory, or the"
    " mount",
)
REASON = option(
    "--reason",
    metavar="TEXT",
    required=True,
    help="why: one line, shown to whoever is refused",
)
WHY = option(
    "--reason",
    metavar="TEXT",
    required=True,
    help="why: one line; the reason of the flag stays as it is",
)
BY = option(
    "--by",
    metavar="TEXT",
    type=values.not_empty,
    help="who makes the change, for BACKUP_BY, where a program runs this for"
    " somebody; root only",
)
REPLACE = flag(
    "--replace", "this reason replaces that of a flag which is there already"
)
DRY_RUN = flag("--dry-run", "check all that can be checked, write nothing")
TIMEOUT = option(
    "--timeout",
    metavar="SECONDS",
    type=values.seconds,
    help="for the lease; joining a lockspace takes 21 and more",
)
DESPITE_OPEN_IMAGES = flag(
    "--despite-open-images",
    "DANGEROUS: an image that qemu holds open for writing does not refuse the"
    " change; only if you know that it is a transfer, not a VM",
)
ACCEPT_ORIGIN = flag(
    "--accept-origin",
    "DANGEROUS: this copy or replica is the domain from now on; only if the"
    " origin will never be used again",
)
POOL_IS_GONE = flag(
    "--pool-is-gone",
    "DANGEROUS: change a domain that is attached without its data center; only"
    " if that is lost, and no host alive manages the domain any more",
)
# How to make a change: the options of all commands that write to storage.
HOW = (PATH_TO_CHANGE, DRY_RUN, TIMEOUT, DESPITE_OPEN_IMAGES, POOL_IS_GONE)

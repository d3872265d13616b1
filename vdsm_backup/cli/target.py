# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which domain the user means, by the arguments SD, --path and --device.

SD is the UUID or the name of a domain. Without --path and --device the domain
is searched in all sources of this host.

slow, of the functions here: called with the places that a search still waits
for, see Discovery.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.cli.parser import PROGRAM
from vdsm_backup.storage import discovery
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from vdsm_backup.config import Config
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.base import Storage
    from vdsm_backup.storage.sources import Failure


# Options without a value, of commands that change a domain.
_FLAGS = (
    "replace",
    "despite_open_images",
    "accept_origin",
    "pool_is_gone",
    "dry_run",
)


def plain(sd: str) -> str:
    """
    SD, in lower case if it is a UUID. A UUID means the same in upper case,
    and a name does not.
    """
    uuid = sd.lower()
    return uuid if is_uuid(uuid) else sd


def by_sd(
    sd: str, options: Config, slow: Slow
) -> tuple[Storage, list[Failure]]:
    """
    (the storage of the domain, the sources that could not be searched).

    Raises what Discovery.find() does.
    """
    return discovery.Discovery(options, slow).find(plain(sd))


def to_change(
    args: argparse.Namespace, options: Config, slow: Slow
) -> tuple[Storage, list[Failure]]:
    """
    (the storage of the domain that a command is to change, the sources that
    could not be searched). With --path one storage may be found in more than
    one place, but no copy of it; see Storage.twins.

    Raises AmbiguousDomain, and what Discovery.find(), at_path_or_device() and
    select() do.
    """
    search = discovery.Discovery(options, slow)
    found = at_path_or_device(args, search)
    if found is None:
        command = again(args)
        return search.find(plain(args.sd), patient=True, command=command)
    storage = _one_of(select(found, [args.sd], args), args)
    storage.twins, failures = search.twins(storage)
    return storage, failures


def again(
    args: argparse.Namespace, sd_id: str = "", with_path: bool = False
) -> str:
    """
    The command as it was given, for a shell.

    sd_id: UUID of the domain, if it is known.
    """
    words = [PROGRAM, args.command, sd_id or args.sd]
    names = ["reason", "by", "number", "file", "timeout", "config"]
    if with_path:
        names.append("path")
    for name in names:
        value = getattr(args, name, None)
        if value is not None:
            option = "from" if name == "number" else name
            # Behind a space what begins with "-" is taken for an option.
            given = [f"--{option}", f"{value}"]
            words += ["=".join(given)] if given[1][:1] == "-" else given
    for name in _FLAGS:
        if getattr(args, name, False):
            words.append("--" + name.replace("_", "-"))
    return shlex.join(words)


def show(args: argparse.Namespace, sd_id: str) -> str:
    """The command that shows the domain, for a shell."""
    words = [PROGRAM, "show", sd_id or args.sd]
    for name in ("config", "path"):
        if getattr(args, name, None):
            words += [f"--{name}", getattr(args, name)]
    return shlex.join(words)


def uuid_of(sd: str, options: Config, slow: Slow) -> str:
    """
    The UUID of the domain. A UUID may be that of a domain that is gone; a
    name needs the domain.

    Raises what Discovery.find() does, if SD is a name.
    """
    sd = plain(sd)
    if is_uuid(sd):
        return sd
    return by_sd(sd, options, slow)[0].sd_id


def at_path_or_device(
    args: argparse.Namespace, finder: discovery.Discovery
) -> list[Storage] | None:
    """
    The storages of the domains at --path or --device. None if neither was
    given.

    Raises what Discovery.at_path() and at_device() do.
    """
    if args.path:
        return finder.at_path(args.path)
    if getattr(args, "device", None):
        return finder.at_device(args.device)
    return None


def select(
    storages: Iterable[Storage], sds: Iterable[str], args: argparse.Namespace
) -> list[Storage]:
    """
    Those of the storages at --path or --device that any SD means, each once.

    Raises DomainNotFound for an SD that means none, and what reading raises
    if an SD is a name.
    """
    storages = list(storages)
    selected: list[Storage] = []
    for sd in map(plain, sds):
        matching = [s for s in storages if _is(s, sd)]
        if not matching:
            what = f"{printable(sd)} in {_path_or_device(args)}"
            raise errors.DomainNotFound(what)
        selected += [s for s in matching if s not in selected]
    return selected


def one(
    args: argparse.Namespace, options: Config, slow: Slow
) -> tuple[Storage, list[Failure]]:
    """
    (the storage of the one domain that is meant, the sources that could not be
    searched).

    Raises AmbiguousDomain, DomainNotFound, and what by_sd() and
    at_path_or_device() do.
    """
    finder = discovery.Discovery(options, slow)
    found = at_path_or_device(args, finder)
    if found is None:
        return by_sd(args.sd, options, slow)
    if args.sd:
        found = select(found, [args.sd], args)
    return _one_of(found, args), []


def _one_of(found: list[Storage], args: argparse.Namespace) -> Storage:
    """The only one that was found. Raises AmbiguousDomain."""
    if len(found) > 1:
        ids = ", ".join(storage.sd_id for storage in found)
        subject = f"The domain in {_path_or_device(args)}"
        error = errors.AmbiguousDomain(subject, ids)
        error.way_out = "name one of them by its UUID: SD"
        raise error
    return found[0]


def _is(storage: Storage, sd: str) -> bool:
    """Whether SD is the UUID or the name of this domain."""
    if is_uuid(sd):
        return storage.sd_id == sd
    return discovery.name_of(storage) == sd


def _path_or_device(args: argparse.Namespace) -> str:
    return printable(args.path or args.device)

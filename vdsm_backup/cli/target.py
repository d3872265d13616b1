# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which domain the user means, by the arguments SD, --path and --device.

SD is the UUID or the name of a domain, the beginning of its UUID
(storage/meant.py), or where it is: a path, or what VDSM has mounted
(server:/export). A place in SD means the same as --path. Without a place the
domain is searched in all sources of this host.

slow, of the functions here: called with the places that a search still waits
for, see Discovery.
"""

from __future__ import annotations

import argparse
import os
import shlex
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.cli.parser import PROGRAM
from vdsm_backup.host.devices import is_plain
from vdsm_backup.storage import discovery
from vdsm_backup.storage.meant import Meant
from vdsm_backup.storage.sources import Failure, Sources
from vdsm_backup.text import begins_uuid, is_uuid, listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vdsm_backup.config import Config
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.base import Storage
    from vdsm_backup.storage.sources import Found


# Options without a value, of commands that change a domain.
_FLAGS = (
    "replace",
    "despite_open_images",
    "accept_origin",
    "pool_is_gone",
    "dry_run",
)


# Of options with a default, what is meant if nothing is said.
_UNSAID = {"operation": "run"}


def plain(sd: str) -> str:
    """
    SD, in lower case if it is a UUID. A UUID means the same in upper case,
    and a name does not.
    """
    uuid = sd.lower()
    return uuid if is_uuid(uuid) else sd


def by_place(args: argparse.Namespace, options: Config) -> argparse.Namespace:
    """
    The arguments, with --path in place of an SD that says where the domain is.

    Raises what Sources.mounts() does.
    """
    if args.path or getattr(args, "device", None) or not args.sd:
        return args
    path = _path_of(args.sd, options)
    if path is None:
        return args
    return argparse.Namespace(**{**vars(args), "sd": None, "path": path})


def _path_of(sd: str, options: Config) -> str | None:
    """The path of an SD that says where the domain is."""
    if sd.startswith("/"):
        return sd
    server, colon, export = sd.partition(":/")
    if not colon:
        return None
    # VDSM names the mount point so: transformPath() in
    # lib/vdsm/storage/fileUtils.py.
    remote = f"{server}:{os.path.normpath('/' + export)}"
    name = remote.replace("_", "__").replace("/", "_")
    for path in Sources(options).mounts():
        if os.path.basename(path) == name:
            return path
    return None


def to_change(
    args: argparse.Namespace, options: Config, slow: Slow
) -> tuple[Storage, list[Failure]]:
    """
    (the storage of the domain that a command is to change, the sources that
    could not be searched). With --path one storage may be found in more than
    one place, but no copy of it; see Storage.twins.

    Raises AmbiguousDomain, and what Discovery.find(), at_path_or_device(),
    by_place() and select() do.
    """
    search = discovery.Discovery(options, slow)
    args = by_place(args, options)
    found = at_path_or_device(args, search)
    if found is None:
        command = again(args)
        try:
            return _search(search, args.sd, patient=True, command=command)
        except errors.DomainUncertain as e:
            by_uuid(e, args)
            raise
    storage = _one_of(found, args)
    storage.twins, failures = search.twins(storage)
    return storage, failures


def _search(
    finder: discovery.Discovery,
    sd: str,
    patient: bool = False,
    command: str = "",
) -> tuple[Storage, list[Failure]]:
    """As Discovery.find(). A VG that VDSM takes for no domain is told of."""
    sd = plain(sd)
    try:
        return finder.find(sd, patient=patient, command=command)
    except errors.DomainNotFound as e:
        e.instead = _left_out(sd, finder.sources)
        raise


def _left_out(sd: str, sources: Sources) -> errors.Error | None:
    """Why a VG that SD may mean is no domain for VDSM, if there is one."""
    if not sources.other_vgs:
        return None
    from vdsm_backup.verify import left_out

    for vg in sources.other_vgs:
        error = left_out.unmade(vg)
        sd_id, name = left_out.claimed(vg)
        begins = begins_uuid(sd.lower()) and sd_id.startswith(sd.lower())
        if error and (begins or sd in (sd_id, name, vg.name, vg.uuid)):
            return error
    return None


def again(
    args: argparse.Namespace, sd_id: str = "", with_path: bool = False
) -> str:
    """
    The command as it was given, for a shell.

    sd_id: UUID of the domain, if it is known.
    """
    words = [PROGRAM, args.command, sd_id or args.sd]
    names = ["reason", "by", "number", "file", "timeout", "config"]
    names += ["operation", "show", "export"]
    if with_path:
        names += ["path", "device"]
    for name in names:
        value = getattr(args, name, None)
        if value not in (None, _UNSAID.get(name)):
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


def uuid_of(
    sd: str, args: argparse.Namespace, options: Config, slow: Slow
) -> str:
    """
    The UUID of the domain. A UUID may be that of a domain that is gone; all
    else needs the domain.

    args: those of the command. Raises what one() does, if SD is no UUID.
    """
    sd = plain(sd)
    if is_uuid(sd):
        return sd
    only = {"sd": sd, "path": None, "device": None}
    args = argparse.Namespace(**{**vars(args), **only})
    return one(args, options, slow)[0].sd_id


def at_path_or_device(
    args: argparse.Namespace, finder: discovery.Discovery
) -> Found | None:
    """
    The domains at --path or --device, and what could not be looked at there.
    None if neither was given.

    Raises WrongUsage, and what Discovery.at_path() and at_device() do.
    """
    if args.path:
        return finder.at_path(args.path)
    device = getattr(args, "device", None)
    if device:
        if not is_plain(device):
            problem = f"--device {device!a} is no absolute path of plain"
            program = f"{PROGRAM} {args.command}"
            raise errors.WrongUsage(f"{problem} characters", program)
        return finder.at_device(device), []
    return None


def select(
    found: Found, sds: Iterable[str], args: argparse.Namespace
) -> list[Storage]:
    """
    Those of the storages at --path or --device that any SD means, each once.

    Raises DomainNotFound for an SD that means none, and what
    Meant.require_certain() does.
    """
    selected: list[Storage] = []
    for sd in map(plain, sds):
        meant = Meant(sd)
        matching, failures = _matching(found, meant)
        if not (matching or failures):
            what = f"{printable(sd)} in {_path_or_device(args)}"
            error = errors.DomainNotFound(what)
            error.too_short = meant.too_short()
            raise error
        meant.require_certain(matching, failures)
        selected += [s for s in matching if s not in selected]
    return selected


def _matching(found: Found, meant: Meant) -> Found:
    """Those that are meant, and failures in which one may be, too."""
    return meant.sift(*discovery.filtered(found, meant))


def one(
    args: argparse.Namespace, options: Config, slow: Slow
) -> tuple[Storage, list[Failure]]:
    """
    (the storage of the one domain that is meant, the sources that could not be
    searched).

    Raises AmbiguousDomain, and what Discovery.find(), at_path_or_device(),
    by_place() and select() do.
    """
    finder = discovery.Discovery(options, slow)
    args = by_place(args, options)
    found = at_path_or_device(args, finder)
    if found is not None:
        return _one_of(found, args), []
    try:
        return _search(finder, args.sd)
    except errors.DomainUncertain as e:
        by_uuid(e, args)
        raise


def by_uuid(error: errors.DomainUncertain, args: argparse.Namespace) -> None:
    """Add the next step, for a command other than `show`: with the UUID."""
    if args.command != "show":
        error.command = again(args, error.sd_id)


def _one_of(found: Found, args: argparse.Namespace) -> Storage:
    """
    The only one that was found, or that is meant by SD. Raises
    AmbiguousDomain, and what select() does.
    """
    storages, failures = found
    if args.sd:
        storages, failures = select(found, [args.sd], args), []
    if not storages and len(failures) == 1:
        raise failures[0].error
    if len(storages) + len(failures) > 1:
        ids = [storage.sd_id for storage in storages]
        ids += [failure.sd_id or failure.source for failure in failures]
        subject = f"The domain in {_path_or_device(args)}"
        error = errors.AmbiguousDomain(subject, listed(sorted(ids)))
        known = min(filter(is_uuid, ids), default="UUID")
        error.way_out = (
            "name one of them by its UUID:"
            f" {again(args, known, with_path=True)}"
        )
        raise error
    return storages[0]


def _path_or_device(args: argparse.Namespace) -> str:
    return printable(args.path or args.device)

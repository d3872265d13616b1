# SPDX-License-Identifier: GPL-2.0-or-later
"""Which arguments exclude each other, and which are needed beside others."""

from __future__ import annotations

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def check(args: argparse.Namespace, program: str) -> None:
    """
    Raise WrongUsage if these arguments do not go together.

    program: with its command, as the user called it.
    """
    _check_target(args, program)
    _check_copy(args, program)
    if args.command == "permit":
        _check_permit(args, program)


def _check_target(args: argparse.Namespace, prog: str) -> None:
    """
    Check the arguments that choose a domain. --path or --device says where to
    look, and SD says which of the domains there. --domxml takes the domains
    of a VM instead.

    Raises WrongUsage.
    """
    if not hasattr(args, "device"):
        return
    if args.path and args.device:
        raise errors.WrongUsage("--path and --device exclude each other", prog)
    target = args.sd or args.path or args.device
    xml = getattr(args, "domxml", None)
    if target and xml:
        raise errors.WrongUsage(
            "--domxml and a domain exclude each other", prog
        )
    if args.command == "show" and not target:
        raise errors.WrongUsage("SD, --path or --device is required", prog)
    if args.command == "check" and not (target or xml):
        raise errors.WrongUsage(
            "SD, --path, --device or --domxml is required", prog
        )


def _check_copy(args: argparse.Namespace, prog: str) -> None:
    """
    Check the arguments that choose a kept copy, or the copies of all domains.

    Raises WrongUsage.
    """
    if args.command == "restore" and args.number and args.file:
        raise errors.WrongUsage("--from and --file exclude each other", prog)
    if args.command != "history":
        return
    chosen = {"SD": args.sd, "--all": args.all}
    named = {"--show": args.show, "--export": args.export, "--all": args.all}
    for choices in (chosen, named):
        given = [name for name, value in choices.items() if value]
        if len(given) > 1:
            both = " and ".join(given)
            raise errors.WrongUsage(f"{both} exclude each other", prog)
    if not any(chosen.values()):
        raise errors.WrongUsage("SD or --all is required", prog)
    if len(args.sd) > 1 and (args.show or args.export):
        raise errors.WrongUsage("a copy is one of one SD", prog)


def _check_permit(args: argparse.Namespace, prog: str) -> None:
    """
    Check the arguments of permit: it makes one, takes one away, or lists all.

    Raises WrongUsage.
    """
    given = {
        "--vm": args.vm,
        "--for": args.seconds,
        "--reason": args.reason is not None,
        "--revoke": args.revoke,
        "--list": args.list,
    }
    if args.list:
        needed = ["--list"]
    elif args.revoke:
        needed = ["--vm", "--revoke"]
    else:
        needed = ["--vm", "--for", "--reason"]
    for name, value in given.items():
        if value and name not in needed:
            problem = f"{needed[-1]} and {name} exclude each other"
            raise errors.WrongUsage(problem, prog)
    missing = [name for name in needed if not given[name]]
    if missing:
        problem = f"{', '.join(missing)} required"
        if not any(given.values()):
            problem += ", or --list"
        raise errors.WrongUsage(problem, prog)

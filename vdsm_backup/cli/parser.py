# SPDX-License-Identifier: GPL-2.0-or-later
"""
The parser of the arguments. The commands and options are data in commands.py.
"""

from __future__ import annotations

import argparse
import functools
import os
from typing import TYPE_CHECKING

import vdsm_backup
from vdsm_backup import errors
from vdsm_backup.cli.commands import COMMANDS
from vdsm_backup.cli.values import not_empty

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from vdsm_backup.cli.commands import Command

PROGRAM = "vdsm-backup-domain"


class TextRequested(Exception):
    """
    The arguments ask for a text, which is the help or the version, and not
    for a command. str() of the exception is the text.
    """


class _Show(argparse.Action):
    """An option that asks for a text: const, or else the parser's help."""

    def __init__(
        self, option_strings: Sequence[str], dest: str, **settings: Any
    ) -> None:
        super().__init__(option_strings, dest, nargs=0, **settings)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        raise TextRequested(self.const or parser.format_help())


class _Parser(argparse.ArgumentParser):
    """A parser that raises, where argparse prints and exits."""

    def __init__(self, **settings: Any) -> None:
        # No abbreviations: an option added later would change their meaning.
        super().__init__(add_help=False, allow_abbrev=False, **settings)

    def add_common(self, with_version: bool = False) -> None:
        """
        Add the options of all commands. They may stand before the name of the
        command or behind it.
        """
        # SUPPRESS: a default in the parser of the command would replace the
        # value of an option that stands before the command.
        common = self.add_argument_group("common options")
        common.add_argument(
            "--config",
            metavar="F",
            type=not_empty,
            default=argparse.SUPPRESS,
            help="configuration file and its conf.d",
        )
        for name, text in (
            ("--json", "print JSON, see docs/json.md"),
            ("--debug", "print the trace of an unexpected error"),
        ):
            common.add_argument(
                name,
                action="store_true",
                default=argparse.SUPPRESS,
                help=text,
            )
        common.add_argument(
            "-h", "--help", action=_Show, help="print this text"
        )
        if with_version:
            common.add_argument(
                "--version",
                action=_Show,
                const=f"{PROGRAM} {vdsm_backup.__version__}\n",
                help="print the version",
            )

    def error(self, message: str) -> NoReturn:
        raise errors.WrongUsage(message, self.prog)


def parse(argv: Sequence[str], width: int | None = None) -> argparse.Namespace:
    """
    The values of the arguments, and with them the attributes module, changes,
    on_host and becomes_user of the Command.

    width: of the terminal, in columns, for the help. None: there is none.

    Raises WrongUsage, TextRequested.
    """
    # A parser of all commands takes as long to make as Python takes to start.
    # Where that of the named one is not content, all have to tell why.
    named = [command for command in COMMANDS if command.name in argv]
    try:
        args = _build(width, named).parse_args(argv)
    except (errors.WrongUsage, TextRequested):
        args = _build(width, COMMANDS).parse_args(argv)
    args.config = getattr(args, "config", None)
    args.json = getattr(args, "json", False)
    _check_target(args)
    _check_copy(args)
    if args.command == "permit":
        _check_permit(args)
    return args


def _build(width: int | None, some: Sequence[Command]) -> _Parser:
    # Of itself argparse would look at descriptor 1, which is no terminal any
    # more (main.py), and import much to do so. Like argparse, this leaves two
    # columns free.
    formatter = functools.partial(
        argparse.HelpFormatter, width=(width or _columns()) - 2
    )
    top = _Parser(
        prog=PROGRAM,
        formatter_class=formatter,
        description="The backup flag of oVirt storage domains: see it, change"
        " it, on the storage itself.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly (some"
        " domains could not be read), 4 refused.",
    )
    commands = top.add_subparsers(
        title="commands",
        dest="command",
        metavar="COMMAND",
        required=True,
        parser_class=_Parser,
        prog=PROGRAM,
    )
    for command in some:
        sub = commands.add_parser(
            command.name,
            prog=f"{PROGRAM} {command.name}",
            formatter_class=formatter,
            help=command.help,
            description=command.help[0].upper() + command.help[1:] + ".",
        )
        for option in command.options:
            sub.add_argument(*option.names, **option.settings)
        sub.add_common()
        sub.set_defaults(
            module=command.module,
            changes=command.changes,
            on_host=command.on_host,
            becomes_user=command.becomes_user,
        )
    top.add_common(with_version=True)
    return top


def _columns() -> int:
    """Of what is no terminal: as users say, or else 80."""
    try:
        columns = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        columns = 0
    return columns if columns > 0 else 80


def _check_target(args: argparse.Namespace) -> None:
    """
    Check the arguments that choose a domain. --path or --device says where to
    look, and SD says which of the domains there. --domxml takes the domains
    of a VM instead.

    Raises WrongUsage.
    """
    if not hasattr(args, "device"):
        return
    prog = f"{PROGRAM} {args.command}"
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


def _check_copy(args: argparse.Namespace) -> None:
    """
    Check the arguments that choose a kept copy, or the copies of all domains.

    Raises WrongUsage.
    """
    prog = f"{PROGRAM} {args.command}"
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


def _check_permit(args: argparse.Namespace) -> None:
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
    prog = f"{PROGRAM} {args.command}"
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

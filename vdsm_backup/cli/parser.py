# SPDX-License-Identifier: GPL-2.0-or-later
"""
The parser of the arguments. The commands and options are data in commands.py.
"""

from __future__ import annotations

import argparse
import textwrap

import vdsm_backup
from vdsm_backup import errors
from vdsm_backup.cli import combinations
from vdsm_backup.cli.commands import COMMANDS
from vdsm_backup.cli.values import not_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from vdsm_backup.cli.command import Command

PROGRAM = "vdsm-backup-domain"

# Where there is no terminal.
_WIDTH = 80

# Columns: what argparse itself gives a text on the narrowest terminal.
_NARROWEST = 11

_DESCRIPTION = (
    "The backup flag of oVirt storage domains: see it, change it, on the"
    " storage itself. No VM can start from a flagged domain."
)
_EXAMPLES = (
    "list",
    'set backups-nfs --reason "nightly copies, see the runbook"',
    "check --domxml vm.xml",
)
_MORE = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly (some domains could"
    " not be read), 4 refused, 129, 130 and 143 ended by a signal.",
    "More: vdsm-backup-domain help COMMAND, man vdsm-backup-domain(8).",
)
_MORE_OF_ONE = ("More: man vdsm-backup-domain(8).",)


class TextRequested(Exception):
    """
    The arguments ask for a text, which is the help or the version, and not
    for a command. str() of the exception is the text.

    key: of the text in JSON. value: the text itself there.
    """

    def __init__(self, key: str, value: str, text: str | None = None) -> None:
        super().__init__(value if text is None else text)
        self.key = key
        self.value = value


class _Help(argparse.Action):
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
        raise TextRequested("help", parser.format_help())


class _Version(_Help):
    def __call__(self, *args: Any, **settings: Any) -> NoReturn:
        version = vdsm_backup.__version__
        raise TextRequested("version", version, f"{PROGRAM} {version}\n")


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
            (
                "--json",
                "print JSON, see /usr/share/doc/vdsm-backup-domain/docs"
                "/json.md",
            ),
            ("--verbose", "tell on stderr what is done, step by step"),
            ("--debug", "print the trace of an unexpected error"),
        ):
            common.add_argument(
                name,
                action="store_true",
                default=argparse.SUPPRESS,
                help=text,
            )
        common.add_argument(
            "-h", "--help", action=_Help, help="print this text"
        )
        if with_version:
            common.add_argument(
                "--version", action=_Version, help="print the version"
            )

    def error(self, message: str) -> NoReturn:
        raise errors.WrongUsage(message, self.prog)


def parse(argv: Sequence[str], width: int | None = None) -> argparse.Namespace:
    """
    The values of the arguments, and with them the attributes module, changes,
    needs_root, on_host, becomes_user and in_part of the Command.

    width: of the terminal, in columns, for the help. None: there is none.

    Raises WrongUsage, TextRequested.
    """
    # A parser of all commands takes as long to make as Python takes to start.
    # Where that of the named one is not content, all have to tell why.
    named = [command for command in COMMANDS if command.name in argv]
    try:
        args = _parsed(argv, *build(width, named))
    except (errors.WrongUsage, TextRequested):
        args = _parsed(argv, *build(width, COMMANDS))
    combinations.check(args, f"{PROGRAM} {args.command}")
    return args


def _parsed(
    argv: Sequence[str], top: _Parser, parsers: dict[str, _Parser]
) -> argparse.Namespace:
    # parse_args() would say that the whole program does not know an option
    # that a command does not know.
    args, unknown = top.parse_known_args(argv)
    if unknown:
        problem = f"unrecognized arguments: {' '.join(unknown)}"
        before = argv[: argv.index(args.command)]
        program = f"{PROGRAM} {args.command}"
        raise errors.WrongUsage(
            problem, PROGRAM if unknown[0] in before else program
        )
    args.config = getattr(args, "config", None)
    args.json = getattr(args, "json", False)
    args.debug = getattr(args, "debug", False)
    args.verbose = getattr(args, "verbose", False)
    if args.command == "help":
        _help(args.about, top, parsers)
    return args


def usage(program: str, width: int | None = None) -> str:
    """
    The lines that say how a command is used. program: its name with that of
    the command, as in WrongUsage.
    """
    top, parsers = build(width, COMMANDS)
    return parsers.get(program.split(" ")[-1], top).format_usage().rstrip()


def help_text(width: int | None = None) -> str:
    """The help of the whole."""
    return build(width, COMMANDS)[0].format_help()


def _help(
    about: str | None, top: _Parser, parsers: dict[str, _Parser]
) -> NoReturn:
    if about and about not in parsers:
        problem = f"there is no command {about!a}"
        raise errors.WrongUsage(problem, f"{PROGRAM} help")
    chosen = parsers[about] if about else top
    raise TextRequested("help", chosen.format_help())


def build(
    width: int | None, some: Sequence[Command]
) -> tuple[_Parser, dict[str, _Parser]]:
    """
    (the parser of some commands, {command: its parser}). Also the manual page
    is made of them.
    """
    # Of itself argparse would look at descriptor 1, which is no terminal any
    # more (main.py), and import much to do so. Like argparse, this leaves two
    # columns free.
    columns = max((width or _WIDTH) - 2, _NARROWEST)

    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(prog, width=columns)

    def end(examples: Sequence[str], more: Sequence[str]) -> str:
        parts = [textwrap.fill(text, columns) for text in more]
        if examples:
            lines = [f"  {PROGRAM} {example}" for example in examples]
            parts.insert(0, "\n".join(["examples:", *lines]))
        return "\n\n".join(parts)

    top = _Parser(
        prog=PROGRAM,
        formatter_class=formatter,
        description=textwrap.fill(_DESCRIPTION, columns),
        epilog=end(_EXAMPLES, _MORE),
    )
    commands = top.add_subparsers(
        title="commands",
        dest="command",
        metavar="COMMAND",
        required=True,
        parser_class=_Parser,
        prog=PROGRAM,
    )
    parsers = {}
    for command in some:
        parsers[command.name] = sub = commands.add_parser(
            command.name,
            prog=f"{PROGRAM} {command.name}",
            formatter_class=formatter,
            help=command.help,
            description=textwrap.fill(_sentence(command), columns),
            epilog=end(command.examples, _MORE_OF_ONE),
        )
        for option in command.options:
            sub.add_argument(*option.names, **option.settings)
        sub.add_common(with_version=not command.module)
        sub.set_defaults(
            module=command.module,
            changes=command.changes,
            needs_root=command.changes or command.needs_root,
            on_host=command.on_host,
            becomes_user=command.becomes_user,
            in_part=command.in_part,
        )
    top.add_common(with_version=True)
    return top, parsers


def _sentence(command: Command) -> str:
    return command.help[0].upper() + command.help[1:] + "."

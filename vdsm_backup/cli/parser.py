# SPDX-License-Identifier: GPL-2.0-or-later
"""From arguments to what a command gets. What there is, is in commands.py."""

import argparse

import vdsm_backup
from vdsm_backup import errors
from vdsm_backup.cli.commands import COMMANDS, not_empty

PROGRAM = "vdsm-backup-domain"


class Answer(Exception):
    """The arguments asked for a text: help, or the version."""


class _Help(argparse.Action):
    def __init__(self, option_strings, dest, **settings):
        super().__init__(option_strings, dest, nargs=0, **settings)

    def __call__(self, parser, namespace, values, option_string=None):
        raise Answer(parser.format_help())


class _Version(_Help):
    def __call__(self, parser, namespace, values, option_string=None):
        raise Answer(f"{PROGRAM} {vdsm_backup.__version__}\n")


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing and exiting."""

    def __init__(self, **settings):
        # No abbreviations: an option added later would change their meaning.
        super().__init__(add_help=False, allow_abbrev=False, **settings)

    def add_common(self):
        """Options of all commands; they may stand before or behind it."""
        # SUPPRESS: else a command's parser would reset what came before it.
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
            "-h", "--help", action=_Help, help="print this text"
        )
        return common

    def error(self, message):
        raise errors.WrongUsage(message, self.prog)


def parse(argv):
    """
    The arguments as a namespace, with what Command says of the command.

    Raises WrongUsage, Answer.
    """
    args = _build().parse_args(argv)
    args.config = getattr(args, "config", None)
    args.json = getattr(args, "json", False)
    _check_target(args)
    return args


def _build():
    top = _Parser(
        prog=PROGRAM,
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
    )
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            prog=f"{PROGRAM} {command.name}",
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
    common = top.add_common()
    common.add_argument("--version", action=_Version, help="print the version")
    return top


def _check_target(args):
    """
    --path, --device or SD: one says where, the other which. Or a VM's XML.
    """
    if not hasattr(args, "path"):
        return
    prog = f"{PROGRAM} {args.command}"
    if args.path and args.device:
        raise errors.WrongUsage("--path and --device exclude each other", prog)
    domain = args.sd or args.path or args.device
    xml = getattr(args, "domxml", None)
    if domain and xml:
        raise errors.WrongUsage(
            "--domxml and a domain exclude each other", prog
        )
    if args.command == "show" and not domain:
        raise errors.WrongUsage("SD, --path or --device is required", prog)
    if args.command == "check" and not (domain or xml):
        raise errors.WrongUsage(
            "SD, --path, --device or --domxml is required", prog
        )

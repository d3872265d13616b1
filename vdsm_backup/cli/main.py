# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command line: vdsm-backup-domain, or python -m vdsm_backup.

run() is the process, and main() is the command: arguments in, exit code out.
The commands are data (commands.py). Each command is a module, which is
imported when the command is used. Only main() makes words and an exit code of
an error.
"""

from __future__ import annotations

import importlib
import os
import sys

from vdsm_backup import config, config_in_part, errors
from vdsm_backup.cli import output, parser
from vdsm_backup.cli.exits import Exit
from vdsm_backup.host.user import become_user, make_directories
from vdsm_backup.processes import defaults, forking, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import NoReturn, TextIO


def run() -> NoReturn:
    """
    The whole process. Never returns.

    The process ends by os._exit(): a thread or a child that hangs must not
    hold up the end.
    """
    # What we and our children make has the modes that we say.
    os.umask(0o022)
    defaults.hear_of_children()
    code = Exit.INTERRUPTED
    try:
        signals.hear_of_ends()
        forking.allow()
        _open_standard_files()
        out = _own_stdout()
        err = sys.stderr or open(os.devnull, "w")
        code = main(sys.argv[1:], out, err)
        signals.ignore_ends()
    except KeyboardInterrupt as e:
        # In the moment before main(), or after it.
        code = exit_code(_interrupted(e))
    os._exit(code)


def main(argv: list[str], out: TextIO, err: TextIO) -> Exit:
    """
    Run the command that these arguments ask for. Returns the exit code, and
    raises nothing: an error is shown to the user.

    argv: without the name of the program.
    out: for the result. err: for all else.
    """
    # This is for errors in the arguments. Once they are parsed, the parser
    # says whether --json is an option or the value of one.
    ui = output.UI(out, err, as_json="--json" in argv)
    try:
        code = _command(argv, ui)
    except parser.TextRequested as e:
        if ui.as_json:
            ui.json(**{e.key: e.value})
        else:
            ui.text(str(e))
        code = Exit.DONE
    except errors.WrongUsage as e:
        code = _misused(e, argv, ui)
    except errors.Error as e:
        code = _report(e, ui)
    except KeyboardInterrupt as e:
        signals.ignore_ends()
        code = _report(_interrupted(e), ui)
    except Exception as e:
        if "--debug" in argv:
            import traceback

            ui.trace(traceback.format_exc())
        error = errors.InternalError(type(e).__name__, str(e))
        code = _report(error, ui)
    if not ui.finish() and code in (Exit.DONE, Exit.PARTLY):
        return Exit.FAILED
    return code


def exit_code(error: errors.Error | type[errors.Error]) -> Exit:
    """The exit code of a command that fails with this error."""
    if isinstance(error, errors.Interrupted):
        return Exit(128 + error.number)
    if error is errors.Interrupted:
        return Exit.INTERRUPTED
    if error.wrong_usage:
        return Exit.USAGE
    return Exit.REFUSED if error.refusal else Exit.FAILED


def _command(argv: list[str], ui: output.UI) -> Exit:
    args = parser.parse(argv, ui.width)
    ui.as_json = args.json
    ui.verbose = args.verbose
    args.typed = _typed(argv)
    module = importlib.import_module(f"vdsm_backup.cli.{args.module}")
    options = None
    if args.on_host:
        load = config_in_part.load if args.in_part else config.load
        options = load(args.config)
        options.command = args.typed
        if args.needs_root:
            _require_root(args, options)
        if args.changes and not args.dry_run:
            make_directories(options)
        if args.becomes_user:
            become_user(options)
    try:
        return module.run(args, options, ui)
    except errors.Restorable as e:
        from vdsm_backup.cli import copies

        if options:
            copies.tell([e], options)
        raise
    except KeyboardInterrupt as e:
        if args.changes and e.__context__:
            # A change was about to end in another way.
            from vdsm_backup.cli import interruption

            signals.ignore_ends()
            raise interruption.unknown(args, e)
        raise


def _interrupted(interrupt: KeyboardInterrupt) -> errors.Interrupted:
    """
    Of a command that only reads, or that has not begun with its change. What
    comes later, interruption.py tells of.
    """
    error = errors.Interrupted(", nothing was changed")
    error.number = signals.number_of(interrupt)
    return error


def _typed(argv: list[str]) -> str:
    """The command for a shell. "" if root has typed it, who needs no sudo."""
    if os.getuid() == 0:
        return ""
    import shlex

    return shlex.join([parser.PROGRAM, *argv])


def _require_root(args: argparse.Namespace, options: config.Config) -> None:
    """
    Raise NeedsRoot, unless root has started us, or the user of storage: the
    former can become the latter. To say who makes a change takes root.
    """
    users = {0} if getattr(args, "by", None) else {0, options.uid}
    if os.getuid() not in users:
        raise errors.NeedsRoot(args.typed)


def _misused(error: errors.WrongUsage, argv: list[str], ui: output.UI) -> Exit:
    """Who has typed no argument at all gets the help, as from git."""
    if not argv:
        ui.text(parser.help_text(ui.width))
        return Exit.USAGE
    ui.aside(parser.usage(error.program, ui.width))
    return _report(error, ui)


def _report(error: errors.Error, ui: output.UI) -> Exit:
    ui.failure(error)
    return exit_code(error)


def _open_standard_files() -> None:
    """
    Make sure that descriptors 0, 1 and 2 are open. A caller may have closed
    some of them, and a file of ours must not get one of these numbers.
    """
    while True:
        fd = os.open(os.devnull, os.O_RDWR)
        if fd > 2:
            os.close(fd)
            return
        os.set_inheritable(fd, True)


def _own_stdout() -> TextIO:
    """
    The user's stdout, for us alone. Children inherit descriptor 1 (see
    fileio). A child that is stuck in the kernel would keep a pipe to the user
    open, and `list | cat` would not end. So descriptor 1 is /dev/null from
    now on.
    """
    fd = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    # Characters that the locale of a terminal cannot show are escaped.
    return open(fd, "w", errors="backslashreplace")

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command line: vdsm-backup-domain, or python -m vdsm_backup.

run() is the process, main() the command: arguments in, exit code out. What
there is, is data (commands.py); each command is a module, imported when it is
used; this is the one place where an error becomes words and an exit code.
"""

import importlib
import os
import sys
import traceback

from vdsm_backup import config, errors
from vdsm_backup.cli import output, parser
from vdsm_backup.cli.exits import Exit
from vdsm_backup.host.user import become_user, make_directories


def run():
    """
    The whole process; never returns.

    It ends by _exit: nothing that hangs, a thread or a child, may hold it up.
    """
    # What we and our children make has the modes that we say.
    os.umask(0o022)
    _open_standard_files()
    out = _own_stdout()
    err = sys.stderr or open(os.devnull, "w")
    os._exit(main(sys.argv[1:], out, err))


def main(argv, out, err):
    """Run a command; returns the exit code."""
    # For errors in the arguments; afterwards the parser knows better.
    ui = output.UI(out, err, as_json="--json" in argv)
    try:
        code = _command(argv, ui)
    except parser.Answer as e:
        ui.text(str(e))
        code = Exit.DONE
    except errors.Error as e:
        code = _report(e, ui)
    except KeyboardInterrupt:
        code = _report(errors.Interrupted(), ui)
    except Exception as e:
        if "--debug" in argv:
            ui.trace(traceback.format_exc())
        error = errors.InternalError(type(e).__name__, str(e))
        code = _report(error, ui)
    return code if ui.finish() else Exit.FAILED


def exit_code(error):
    if error.wrong_usage:
        return Exit.USAGE
    return Exit.REFUSED if error.refusal else Exit.FAILED


def _command(argv, ui):
    args = parser.parse(argv)
    ui.as_json = args.json
    module = importlib.import_module(f"vdsm_backup.cli.{args.module}")
    options = None
    if args.on_host:
        options = config.load(args.config)
        if args.changes and not args.dry_run:
            make_directories(options)
        if args.becomes_user:
            become_user(options)
    return module.run(args, options, ui)


def _report(error, ui):
    ui.failure(error)
    return exit_code(error)


def _open_standard_files():
    """
    A caller may have closed some; what we open must not take their places.
    """
    while True:
        fd = os.open(os.devnull, os.O_RDWR)
        if fd > 2:
            os.close(fd)
            return
        os.set_inheritable(fd, True)


def _own_stdout():
    """
    The user's stdout, for us alone. Children inherit descriptor 1 (see
    fileio), and one that is stuck in the kernel would keep a pipe to the user
    open: `list | cat` would not end.
    """
    fd = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    # What a terminal cannot show, by its locale, is escaped.
    return open(fd, "w", errors="backslashreplace")

# SPDX-License-Identifier: GPL-2.0-or-later
"""explain: what an error code means and what to do."""

import inspect

from vdsm_backup import errors
from vdsm_backup.cli import main
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.parser import PROGRAM


def run(args, options, ui):
    error = _find(args.code)
    text = inspect.getdoc(error)
    if ui.as_json:
        ui.json(
            explanation={
                "code": error.code,
                "name": error.__name__,
                "exit_code": int(main.exit_code(error)),
                "text": text,
            }
        )
    else:
        title = f"Error {error.code}, {error.__name__}"
        exits = f"Exit code: {int(main.exit_code(error))}"
        ui.lines([title, "", text, "", exits])
    return Exit.DONE


def _find(text):
    """By code, or by name as it is in JSON."""
    codes = errors.by_code()
    for code, error in codes.items():
        if text in (str(code), error.__name__):
            return error
    known = f"{min(codes)} and {max(codes)}"
    raise errors.WrongUsage(
        f"there is no error {text!a}, codes lie between {known}",
        f"{PROGRAM} explain",
    )

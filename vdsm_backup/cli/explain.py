# SPDX-License-Identifier: GPL-2.0-or-later
"""explain: what an error code means and what to do."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.cli import main
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.parser import PROGRAM

if TYPE_CHECKING:
    import argparse

    from vdsm_backup.cli.output import UI


def run(args: argparse.Namespace, options: None, ui: UI) -> Exit:
    """Raises WrongUsage if there is no such error."""
    error = _find(args.code)
    text = _text(error)
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


def _text(error: type[errors.Error]) -> str:
    """
    The docstring of an error, each paragraph as one line: it is wrapped in the
    source only. Paragraphs with indented lines stay as they are.
    """
    paragraphs = (inspect.getdoc(error) or "").split("\n\n")
    return "\n\n".join(
        p if "\n " in f"\n{p}" else p.replace("\n", " ") for p in paragraphs
    )


def _find(text: str) -> type[errors.Error]:
    """The error of this code, or of this name, which is the one in JSON."""
    for code, error in errors.by_code().items():
        if text in (str(code), error.__name__):
            return error
    known = " or ".join(f"{first} to {last}" for first, last in errors.RANGES)
    raise errors.WrongUsage(
        f"there is no error {text!a}, codes are {known}",
        f"{PROGRAM} explain",
    )

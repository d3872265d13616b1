# SPDX-License-Identifier: GPL-2.0-or-later
"""explain: what an error code means and what to do, or all codes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, TypedDict

from vdsm_backup import errors
from vdsm_backup.cli import layout, main
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.parser import PROGRAM

if TYPE_CHECKING:
    import argparse

    from vdsm_backup.cli.output import UI


class Explanation(TypedDict):
    """EXPLANATION of docs/json.md."""

    code: int
    name: str
    exit_code: int
    text: str


def run(args: argparse.Namespace, options: None, ui: UI) -> Exit:
    """Raises WrongUsage if there is no such error."""
    if not args.code:
        _list(ui)
        return Exit.DONE
    explained = _explanation(_find(args.code))
    if ui.as_json:
        ui.json(explanation=explained)
    else:
        title = f"Error {explained['code']}, {explained['name']}"
        exits = f"Exit code: {explained['exit_code']}"
        ui.lines([title, "", explained["text"], "", exits])
    return Exit.DONE


def _list(ui: UI) -> None:
    """All errors, by code: of each the first sentence of its text."""
    found = [_explanation(e) for _, e in sorted(errors.by_code().items())]
    if ui.as_json:
        ui.json(explanations=found)
        return
    rows = [(str(e["code"]), e["text"].split("\n", 1)[0]) for e in found]
    ui.lines(layout.table(("CODE", "MEANING"), rows, ui.width, 1))


def _explanation(error: type[errors.Error]) -> Explanation:
    return {
        "code": error.code,
        "name": error.__name__,
        "exit_code": int(main.exit_code(error)),
        "text": _text(error),
    }


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

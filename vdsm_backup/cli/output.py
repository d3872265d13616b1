# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the user sees. The result goes to stdout, all else to stderr.

Everything that is shown is harmless to a terminal. A table is cut to the width
of the terminal; every other text is one line, which the terminal wraps. JSON
is the same everywhere, with texts as they are on storage, escaped by JSON
itself.
"""

from __future__ import annotations

import errno
import os

from vdsm_backup import errors
from vdsm_backup.cli import layout, objects
from vdsm_backup.cli.parser import PROGRAM
from vdsm_backup.text import listed, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, TextIO

    from vdsm_backup.storage.sources import Failure

# The schema of docs/json.md. Keys may be added, none changes its meaning.
SCHEMA = 1

_DEFAULT_WIDTH = 80

# How many places UI.waits_for() names.
_PLACES = 3


class UI:
    """
    Where a command shows what it has to say. Nothing that fails here is
    raised: only finish() tells of it.

    as_json: whether the result is JSON.
    verbose: whether progress is shown to whoever reads stderr.
    width: of the terminal, in columns. None: stdout is no terminal.
    """

    def __init__(self, out: TextIO, err: TextIO, as_json: bool) -> None:
        self.as_json = as_json
        self.verbose = False
        self.width = _terminal_width(out)
        self._out = out
        self._err = err
        self._print_error: OSError | None = None
        self._must_be_whole = False
        self._left: list[str] = []
        self._outcome: list[str] = []

    # The result

    def json(self, **result: Any) -> None:
        """Print the one JSON object of a command, see docs/json.md."""
        import json

        self.text(json.dumps({"schema": SCHEMA, **result}, indent=2) + "\n")

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines of the result; they must be harmless."""
        self.text("".join(f"{line}\n" for line in lines))

    def text(self, text: str) -> None:
        """
        Print a part of the result at once. A command does not fail because
        nobody reads its result, so an error is kept for finish().
        """
        if self._print_error:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except OSError as e:
            self._print_error = e

    def whole(self, text: str) -> None:
        """Print a text that is of no use if the reader gets a part of it."""
        self._must_be_whole = True
        self.text(text)

    def outcome(self, sentence: str) -> None:
        """
        Print what a command has done, a line that must be harmless, unless
        the result is JSON. It is not lost if the result cannot be printed.
        """
        self._outcome = [sentence]
        if not self.as_json:
            self.lines([sentence])

    def finish(self) -> bool:
        """
        Whether the result was printed. True also if the reader had enough of
        it, as in `list | head`. If it was not printed, say so on stderr, and
        what the command has done.
        """
        error = self._print_error
        if not error:
            return True
        if error.errno == errno.EPIPE and not self._must_be_whole:
            return True
        self._say(f"{PROGRAM}: cannot print the result: {error.strerror}")
        for sentence in self._outcome:
            self._say(f"note: the result is: {sentence}")
        return False

    # Beside the result

    def failure(self, error: errors.Error) -> None:
        """
        Show an error and its hints. In JSON it is the result, with the notes
        of left_behind().
        """
        if self.as_json:
            notes = {"notes": self._left} if self._left else {}
            self._outcome = [error_line(error)]
            self.json(error=objects.error_object(error), **notes)
            return
        self._say(f"{PROGRAM}: error {error.code}: {error}")
        for hint in error.hint_lines():
            self._say(f"hint: {hint}")
        self._say(f"(more: {PROGRAM} explain {error.code})")

    def notes(self, notes: Iterable[str]) -> None:
        """
        Show notes. Nothing is shown in JSON, where notes are a part of the
        result, a list of texts.
        """
        if not self.as_json:
            for note in notes:
                self._say(f"note: {note}")

    def left_behind(self, notes: Iterable[str]) -> None:
        """
        As notes(), on what a command leaves behind on this host. It does so
        also if it fails, so in JSON they are beside the error then.
        """
        notes = list(notes)
        self._left += notes
        self.notes(notes)

    def progress(self, text: str) -> None:
        """
        Show what the command does now, if somebody watches a terminal or has
        asked for it.
        """
        if self.verbose or (not self.as_json and self._err.isatty()):
            self._say(f"{text} ...")

    def aside(self, text: str) -> None:
        """Show lines beside the result or an error, but not beside JSON."""
        if not self.as_json:
            self.trace(text)

    def waits_for(self, places: Sequence[str]) -> None:
        """Show what a command still waits for, as progress()."""
        text = listed(map(printable, places), _PLACES)
        self.progress(f"waiting for {text}")

    def trace(self, text: str) -> None:
        """Show the traceback of an unexpected exception."""
        for line in text.splitlines():
            self._say(line)

    def _say(self, line: str) -> None:
        try:
            self._err.write(layout.harmless(line) + "\n")
            self._err.flush()
        except OSError:
            # The exit code still tells how the command ended.
            pass


def error_line(error: errors.Error) -> str:
    """An error as one harmless line."""
    return layout.harmless(f"error {error.code}: {error}")


def count(number: int, noun: str) -> str:
    """The number and the noun: "1 second", "2 seconds"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def failure_notes(failures: Iterable[Failure]) -> list[str]:
    """
    A note on each source that could not be searched, while a domain was found
    in another one.
    """
    return [
        f"{failure.source} could not be searched: error"
        f" {failure.error.code}: {failure.error.in_brief()}"
        for failure in failures
        if isinstance(failure.error, errors.Error)
    ]


def _terminal_width(out: TextIO) -> int | None:
    """
    In columns: what COLUMNS says, as for ps and ls, else the width of the
    terminal. None: `out` is no terminal.
    """
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    if not out.isatty():
        return None
    try:
        return os.get_terminal_size(out.fileno()).columns or _DEFAULT_WIDTH
    except OSError:
        return _DEFAULT_WIDTH

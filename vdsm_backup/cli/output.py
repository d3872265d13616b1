# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the user sees. The result goes to stdout, all else to stderr.

On a terminal lines are cut and wrapped to its width; elsewhere nothing is,
so that text can be searched. Everything that is shown is harmless to a
terminal. JSON is the same everywhere, with texts as they are on storage,
escaped by JSON itself.
"""

import errno
import json
import os

from vdsm_backup import errors
from vdsm_backup.cli import layout, objects
from vdsm_backup.cli.parser import PROGRAM

# The schema of docs/json.md. Keys may be added, none changes its meaning.
SCHEMA = 1

_DEFAULT_WIDTH = 80


class UI:
    def __init__(self, out, err, as_json):
        self.as_json = as_json
        self.width = _terminal_width(out)
        self._out = out
        self._err = err
        self._lost = None

    # The result

    def json(self, **result):
        self.text(json.dumps({"schema": SCHEMA, **result}, indent=2) + "\n")

    def lines(self, lines):
        self.text("".join(f"{line}\n" for line in lines))

    def text(self, text):
        """
        Shown at once. A result that nobody reads is no failure of a command,
        so what goes wrong here is remembered, see finish().
        """
        if self._lost:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except OSError as e:
            self._lost = e

    def finish(self):
        """
        Whether the result was printed, or the reader had enough of it, as in
        `list | head`.
        """
        if not self._lost or self._lost.errno == errno.EPIPE:
            return True
        self._say(f"{PROGRAM}: cannot print the result: {self._lost.strerror}")
        return False

    # Beside the result

    def failure(self, error):
        if self.as_json:
            return self.json(error=objects.error(error))
        self._say(f"{PROGRAM}: error {error.code}: {error}")
        for hint in error.hint_lines():
            self._say(f"hint: {hint}")

    def notes(self, notes):
        """In JSON they are part of the result, a list of texts."""
        if not self.as_json:
            for note in notes:
                self._say(f"note: {note}")

    def progress(self, text):
        """For somebody who waits and watches."""
        if not self.as_json and self._err.isatty():
            self._say(f"{text} ...")

    def trace(self, text):
        for line in text.splitlines():
            self._say(line)

    def _say(self, line):
        try:
            self._err.write(layout.harmless(line) + "\n")
            self._err.flush()
        except OSError:
            # The exit code still tells.
            pass


def error_line(error):
    return layout.harmless(f"error {error.code}: {error}")


def count(number, noun):
    return f"{number} {noun}" + ("" if number == 1 else "s")


def place_notes(failures):
    """Places that could not be looked at, while a domain was found."""
    return [
        f"{failure.place} could not be looked at: {failure.error}"
        for failure in failures
        if isinstance(failure.error, errors.Error)
    ]


def _terminal_width(out):
    """Columns of the terminal; None if it is none."""
    if not out.isatty():
        return None
    try:
        return os.get_terminal_size(out.fileno()).columns or _DEFAULT_WIDTH
    except OSError:
        return _DEFAULT_WIDTH

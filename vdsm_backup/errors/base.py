# SPDX-License-Identifier: GPL-2.0-or-later
"""The base of all errors, and how an error crosses a process border."""

import inspect


class Error(Exception):
    """Base of all errors; never raised itself."""

    code = 0
    msg = ""
    hints = ()
    #: Exit code 4 of the command line: not a failure, an answer.
    refusal = False
    #: Exit code 2: the arguments make no sense, wherever they are used.
    wrong_usage = False

    #: What another program has said of it, in place of `msg`.
    said = None

    def __str__(self):
        return self.said or self.msg.format(self=self)

    @property
    def name(self):
        return type(self).__name__

    def fields(self):
        """What __init__ was given; enough to make the error again."""
        names = inspect.signature(type(self).__init__).parameters
        return {n: getattr(self, n) for n in names if n != "self"}

    def hint_lines(self):
        # One that was only said has no fields.
        return [
            hint.format(self=self)
            for hint in self.hints
            if not self.said or "{self." not in hint
        ]


def by_code():
    """All error classes, by their code."""
    return {c.code: c for c in _subclasses(Error) if c.code}


def from_fields(code, fields):
    """Make again an error that another of our processes met."""
    return by_code()[code](**fields)


def from_text(code, text):
    """An error that another program told of: its code, and its text."""
    cls = by_code()[code]
    error = cls.__new__(cls)
    error.said = text
    return error


def _subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The log of the bridge: lines on stderr, which systemd puts into the journal.

What goes on for long is told when it begins and when it is over, once each: an
engine that is away for an hour makes two lines.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

# As in syslog(3).
WARNING = 4
NOTICE = 5


class Log:
    """
    out: stderr by default.
    environ: systemd sets JOURNAL_STREAM if stderr is the journal, which takes
        a priority at the beginning of a line.
    """

    def __init__(
        self, environ: Mapping[str, str], out: TextIO | None = None
    ) -> None:
        self._out = out
        self._has_priorities = "JOURNAL_STREAM" in environ
        # {what: the kind of what is wrong with it}
        self._problems: dict[str, str] = {}

    def tell(self, text: str, priority: int = NOTICE) -> None:
        mark = f"<{priority}>" if self._has_priorities else ""
        print(f"{mark}{text}", file=self._out or sys.stderr, flush=True)

    def problem(self, what: str, text: str, kind: str = "") -> None:
        """
        Something has begun to go wrong, or still does.

        what: it is wrong with. kind: told again only if this changes.
        """
        if self._problems.get(what) != kind:
            self._problems[what] = kind
            self.tell(text, WARNING)

    def over(self, what: str, text: str) -> None:
        """It is well; told if it was wrong before."""
        if self._problems.pop(what, None) is not None:
            self.tell(text)

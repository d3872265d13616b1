# SPDX-License-Identifier: GPL-2.0-or-later
"""The exit codes, which README.md and docs/json.md promise."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """
    How a command ended.

    PARTLY: some domains, sources or copies could not be read.
    REFUSED: not a failure, but an answer (errors.Error.refusal).
    HUNG_UP, INTERRUPTED, TERMINATED: by SIGHUP, by SIGINT, by SIGTERM; as a
        shell has it.
    """

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    REFUSED = 4
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143

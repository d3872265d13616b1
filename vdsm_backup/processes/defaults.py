# SPDX-License-Identifier: GPL-2.0-or-later
"""
Gives signals back the meaning that they have by default.

Not by the module signal: that makes enumerations of all signals, and imports
what takes a hook a tenth of all its time, while `_signal`, which does the
work, is a part of each Python, and loaded when Python starts.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]


def hear_of_children() -> None:
    """
    Be told how children end. Called at the start of each process of ours, in
    its main thread.

    A caller may ignore SIGCHLD, and what it starts inherits that. The kernel
    then keeps no exit code of a child, and `subprocess` gives 0 for it: each
    command of lvm or sanlock that failed would have succeeded.
    """
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)


def end_by_signals() -> None:
    """
    End by SIGINT and SIGTERM, whatever handlers this process has, and by
    SIGHUP, unless it is ignored.
    """
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        ignored = _signal.getsignal(number) == _signal.SIG_IGN
        if not (ignored and number == _signal.SIGHUP):
            _signal.signal(number, _signal.SIG_DFL)

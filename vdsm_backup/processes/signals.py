# SPDX-License-Identifier: GPL-2.0-or-later
"""
Signals that a process of ours may have been started with.
"""

from __future__ import annotations

import signal


def hear_of_children() -> None:
    """
    Be told how children end. Called at the start of each process of ours, in
    its main thread.

    A caller may ignore SIGCHLD, and what it starts inherits that. The kernel
    then keeps no exit code of a child, and `subprocess` gives 0 for it: each
    command of lvm or sanlock that failed would have succeeded.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)

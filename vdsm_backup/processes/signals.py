# SPDX-License-Identifier: GPL-2.0-or-later
"""
The signals that end the command line, whatever it was started with.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """As KeyboardInterrupt, by SIGTERM."""


class HungUp(KeyboardInterrupt):
    """As KeyboardInterrupt, by SIGHUP."""


_RAISED: dict[int, type[KeyboardInterrupt]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: Terminated,
    signal.SIGHUP: HungUp,
}


def hear_of_ends() -> None:
    """
    Have SIGINT raise KeyboardInterrupt, SIGTERM Terminated, and SIGHUP, which
    comes when the terminal is gone, HungUp. Called in the main thread.

    A shell without job control has what it starts in the background ignore
    SIGINT, and so may any caller. Who sends one nevertheless means us. SIGHUP
    stays ignored: that is what nohup(1) is for.
    """
    for number in _ENDS:
        ignored = signal.getsignal(number) is signal.SIG_IGN
        if not (ignored and number == signal.SIGHUP):
            signal.signal(number, _interrupt)


def ignore_ends() -> None:
    """
    Hear no more of these signals, if hear_of_ends() was called: what comes now
    takes no time, and must not be cut off.
    """
    for number in _ENDS:
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, signal.SIG_IGN)


def number_of(interrupt: KeyboardInterrupt) -> int:
    """The number of the signal that has raised this."""
    if isinstance(interrupt, HungUp):
        return signal.SIGHUP
    is_term = isinstance(interrupt, Terminated)
    return signal.SIGTERM if is_term else signal.SIGINT


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _RAISED[number]

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Waiting, with an eye on the tool and on the clock.

Calls into sanlock may take minutes, or for ever when storage hangs, and the
tool may die, or its time may be over, during any of them.
"""

import contextlib
import select
import time

from vdsm_backup import errors
from vdsm_backup.processes.jobs import Jobs

_POLL = 0.05


class ToolGone(Exception):
    """The tool has ended, or is done."""


class Watch:
    """
    Each wait raises ToolGone, or, when the time is over, `late` or else
    LeaseTimeout.

    channel: to the tool, which says nothing any more; its end is all that can
    come.
    """

    def __init__(self, channel, sd_id, timeout):
        self._channel = channel
        self._sd_id = sd_id
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._step = "starting"

    def step(self, text):
        """Tell the tool what comes now."""
        if text != self._step:
            self._step = text
            self.tell({"progress": text})

    def tell(self, message):
        # A tool that is gone is noticed where we wait.
        with contextlib.suppress(OSError):
            self._channel.send(message)

    def pause(self, seconds, late=None):
        self.listen(seconds)
        if time.monotonic() >= self._deadline:
            raise late or errors.LeaseTimeout(
                self._sd_id, f"{self._timeout:g}", self._step
            )

    def listen(self, seconds):
        """Wait without regard to the time."""
        if select.select([self._channel], [], [], seconds)[0]:
            raise ToolGone

    def run(self, call, late=None, abort=None):
        """
        The call's result. Where the wait for it is given up, abort() is
        called; the call goes on, in a thread that nobody waits for.
        """
        job = Jobs({"call": call})
        try:
            while not (
                ended := list(job.results(lambda: time.monotonic() + _POLL))
            ):
                self.pause(0, late)
        except BaseException:
            if abort:
                abort()
            raise
        [(_, result, error)] = ended
        if error:
            raise error
        return result

# SPDX-License-Identifier: GPL-2.0-or-later
"""
How the holder waits: with an eye on the tool, and on the clock.

Calls into sanlock may take minutes, or for ever when storage hangs. During
any of them the tool may die, or its time may be over.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from vdsm_backup import errors
from vdsm_backup.processes.channel import Channel, ToolGone
from vdsm_backup.processes.jobs import Jobs

# Seconds between two checks of the tool and the clock.
_POLL = 0.05

Result = TypeVar("Result")


class Watch:
    """
    All that waits here raises ToolGone when the tool is gone.

    channel: to the tool. The tool says nothing any more, and its end is all
    that can come.
    timeout: seconds for all that is waited for, from now on.
    """

    def __init__(self, channel: Channel, sd_id: str, timeout: float) -> None:
        self._channel = channel
        self._sd_id = sd_id
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._step = "starting"

    def step(self, text: str) -> None:
        """Tell the tool what comes now, unless that was the last step, too."""
        if text != self._step:
            self._step = text
            self.tell({"progress": text})

    def tell(self, message: Mapping[str, Any]) -> None:
        """Tell the tool, if it is there."""
        # A tool that is gone is noticed where we wait.
        with contextlib.suppress(OSError):
            self._channel.send(message)

    def pause(self, seconds: float, late: errors.Error | None = None) -> None:
        """
        Wait. If the deadline has passed then, raises `late`, or LeaseTimeout
        without one.
        """
        self.listen(seconds)
        if time.monotonic() >= self._deadline:
            raise late or errors.LeaseTimeout(
                self._sd_id, f"{self._timeout:g}", self._step
            )

    def listen(self, seconds: float) -> None:
        """Wait, also when the time is over."""
        if select.select([self._channel], [], [], seconds)[0]:
            raise ToolGone

    def run(
        self,
        call: Callable[[], Result],
        late: errors.Error | None = None,
        abort: Callable[[], object] | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> Result:
        """
        Run call() in a thread, and return or raise what it does. Meanwhile
        this raises what pause() raises, and what meanwhile() raises, which is
        called again and again. Before that abort() is called, and the call
        goes on in its thread, for which nobody waits.
        """
        job = Jobs({"call": call})
        try:
            while not (
                ended := list(job.results(lambda: time.monotonic() + _POLL))
            ):
                self.pause(0, late)
                if meanwhile:
                    meanwhile()
        except BaseException:
            # Whatever ends the wait, the end of this process too.
            if abort:
                abort()
            raise
        [(_, result, error)] = ended
        if error:
            raise error
        return result

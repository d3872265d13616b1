# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs beside a test, in a thread."""

import concurrent.futures
import sys
import threading
import traceback

import pytest


class InThread:
    """
    A function in its thread. A daemon, and not of an executor: one that
    hangs must not keep the test run from its end.
    """

    def __init__(self, function, *args):
        self._future = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=self._run, args=(function, *args), daemon=True
        )
        self._thread.start()

    def result(self, patience=None):
        """
        What it returns, or raises. patience: seconds, after which the test
        fails and is told where it is.
        """
        try:
            return self._future.result(patience)
        except concurrent.futures.TimeoutError:
            # May be its own.
            if self._future.done():
                raise
            frame = sys._current_frames()[self._thread.ident]
            where = "".join(traceback.format_stack(frame))
            pytest.fail(f"after {patience} seconds it is here:\n{where}")

    def _run(self, function, *args):
        try:
            self._future.set_result(function(*args))
        # result() raises it. What pytest.fail() raises is no Exception.
        except BaseException as e:
            self._future.set_exception(e)

# SPDX-License-Identifier: GPL-2.0-or-later
"""A program on a terminal."""

import errno
import fcntl
import os
import pty
import select
import struct
import termios

from tests.support.closing import Closing
from tests.support.waiting import TIMEOUT, wait_until


class Terminal(Closing):
    """
    A pseudo terminal with this many columns.

        with Terminal(80) as terminal:
            with host.start("list", stdout=terminal.side) as process:
                terminal.release()
                terminal.read_all()

    side: for the program, a descriptor. screen: all that it has shown.
    """

    def __init__(self, columns):
        self._ours, self.side = pty.openpty()
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, size)
        self._bytes = b""

    def close(self):
        self.release()
        os.close(self._ours)

    def release(self):
        """The program has its side: what it shows ends when it ends."""
        if self.side is not None:
            os.close(self.side)
            self.side = None

    @property
    def screen(self):
        text = self._bytes.decode(errors="replace")
        return text.replace("\r\n", "\n")

    def type(self, text):
        os.write(self._ours, text.encode())

    def wait_for(self, text):
        """Until the text is on the screen; fails if the program ends first."""

        self.wait_for_count(text, 1)

    def wait_for_count(self, text, count, timeout=TIMEOUT):
        """Until the text was shown so often."""

        def shown():
            if self.screen.count(text) < count:
                assert self._read(0), f"ended without it: {self.screen}"
            return self.screen.count(text) >= count

        wait_until(shown, timeout, lambda: f"{text} in {self.screen}")

    def read_all(self):
        """The screen when the program has ended."""
        while self._read(None):
            pass
        return self.screen

    def _read(self, timeout):
        """Whether there may be more."""
        if not select.select([self._ours], [], [], timeout)[0]:
            return True
        try:
            found = os.read(self._ours, 65536)
        except OSError as e:
            # Nobody has the other side any more.
            assert e.errno == errno.EIO
            return False
        self._bytes += found
        return bool(found)

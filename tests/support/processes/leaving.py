# SPDX-License-Identifier: GPL-2.0-or-later
"""
For a fork server: to import this leaves an object behind that nothing refers
to and nobody has collected yet, and that has an open file. In a child it is
collected, where others have the number of that file.
"""

import gc
import os


class _Round:
    """It refers to itself."""

    def __init__(self):
        self.itself = self
        self.file = open("/dev/zero", "rb")


def main(args):
    fds = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    gc.collect()
    for fd in fds:
        os.fstat(fd)


gc.disable()
_Round()

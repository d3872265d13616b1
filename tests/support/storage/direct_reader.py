# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a file past the page cache: where storage hangs, it is stuck there."""

import mmap
import os
import sys

if __name__ == "__main__":
    fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)
    os.readv(fd, [mmap.mmap(-1, 4096)])

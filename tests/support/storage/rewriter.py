# SPDX-License-Identifier: GPL-2.0-or-later
"""
Changes the flag of a file domain again and again:

    python -m tests.support.storage.rewriter BACKEND MOUNT SD COUNT
"""

import os
import sys

from vdsm_backup.fileio import choose
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.file import FileStorage


def main(backend, mount, sd_id, count):
    io = choose.open(backend, mount, 30)
    storage = FileStorage(sd_id, os.path.join(mount, sd_id), io, 30)
    lines = storage.read()
    for number in range(int(count)):
        wanted = flag.Flag(number % 2 == 0, f"change {number} " + "x" * 100)
        new = md_lines.flush(flag.apply(md_lines.parse(lines).values, wanted))
        storage.write(lines, new, lambda step: None)
        lines = new


if __name__ == "__main__":
    main(*sys.argv[1:])

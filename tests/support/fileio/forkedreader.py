# SPDX-License-Identifier: GPL-2.0-or-later
"""
Forks a Reader's child for another process, and says its pid. A test has
threads, and cannot be forked itself.

    python -m tests.support.fileio.forkedreader REQUESTS ANSWERS

The numbers are of the child's ends of the pipes.
"""

import sys

from vdsm_backup.fileio import reader, reader_client
from vdsm_backup.processes import forked

if __name__ == "__main__":
    forked.allow()
    ends = list(map(int, sys.argv[1:]))
    print(forked.start(reader.main, reader_client.NAME, ends))

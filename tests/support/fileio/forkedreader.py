# SPDX-License-Identifier: GPL-2.0-or-later
"""
Forks a companion that reads, for another process, and says its pid. A test has
threads, and cannot be forked itself.

    python -m tests.support.fileio.forkedreader REQUESTS ANSWERS

The numbers are of the child's ends of the pipes.
"""

import sys

from vdsm_backup.fileio import reader
from vdsm_backup.processes import companion, companion_child, forking


def main(fds):
    companion_child.Service(reader.CALLS, *fds).run()


if __name__ == "__main__":
    forking.allow()
    ends = list(map(int, sys.argv[1:]))
    print(forking.start(main, companion.NAME, ends))

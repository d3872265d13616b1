# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs a script of hooks/ with the package that is in another directory. Run by
its path: the script must not get to know of us.

    python -IBS PATH DIRECTORY SCRIPT [ARG...]
"""

import runpy
import sys

if __name__ == "__main__":
    directory, *sys.argv = sys.argv[1:]
    sys.path.insert(0, directory)
    runpy.run_path(sys.argv[0], run_name="x")

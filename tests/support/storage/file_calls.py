# SPDX-License-Identifier: GPL-2.0-or-later
"""
Calls by the user that this process is. Exit code 1: one of them failed.

    make PATH    a file, and a directory PATHd
    list PATH    what is in a directory
"""

import os
import sys

if __name__ == "__main__":
    call, path = sys.argv[1:]
    if call == "make":
        with open(path, "w"):
            os.mkdir(f"{path}d")
    else:
        os.listdir(path)

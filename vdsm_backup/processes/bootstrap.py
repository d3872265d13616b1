# SPDX-License-Identifier: GPL-2.0-or-later
"""
The first code of a child process: it runs a module that its parent named.

    python -I -S bootstrap.py MODULE PATH [ARG...]

MODULE is a dotted name, PATH the parent's sys.path in JSON. The module's
main(args) is called. This file is started by its path, with -I and -S, so
that neither the environment nor the working directory chooses what is
imported, and so that the child runs the very code that its parent runs. What
site would add to sys.path is in the parent's; looking for it again would be a
sixth of the time in which the writer starts.
"""

import importlib
import json
import sys


def _main() -> None:
    module, path, *args = sys.argv[1:]
    sys.path[:] = json.loads(path)
    importlib.import_module(module).main(args)


if __name__ == "__main__":
    _main()

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The first code of a child process: it runs a module that its parent named.

    python -I -S bootstrap.py MODULE PATH [ARG...]

MODULE is a dotted name, and PATH is the parent's sys.path in JSON. The
module's main(args) is called. This file is started by its path and with -I
and -S. So neither the environment nor the working directory chooses what is
imported, and the child runs the very code that its parent runs. What the
module `site` would add to sys.path is in the parent's sys.path already;
looking for it again would be a sixth of the time in which the writer starts.
"""

import importlib
import json
import os
import sys

_DEFAULTS = "vdsm_backup.processes.defaults"


def _main() -> None:
    module, path, *args = sys.argv[1:]
    sys.path[:] = json.loads(path)
    importlib.import_module(_DEFAULTS).hear_of_children()
    importlib.import_module(module).main(args)
    # As a child that is forked ends. To take an interpreter apart is a seventh
    # of all that one of these does.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    _main()

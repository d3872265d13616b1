# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs a script of hooks/ and tells which modules its process has loaded, and
who has imported each.

    python -I -S -X utf8 importtrace.py ROOT OUTPUT SCRIPT [ARG...]

ROOT is the directory of the package. OUTPUT is a new file. When the script
ends, it gets a line "MODULE IMPORTER" for each module that was loaded. The
script runs as the main program.

The modules that this Python has loaded before its first line are left out.
With -S there is no module `site`, which runs the code of whatever is
installed for this Python. So what is told was loaded by the hook or by what
the hook imports. This module imports nothing else than os and sys.
"""

import os
import sys


class _Importers(dict):
    """{module: who imported it first}; a finder that finds nothing."""

    def find_spec(self, name, path=None, target=None):
        frame = sys._getframe(1)
        while frame.f_code.co_filename.startswith("<frozen importlib"):
            frame = frame.f_back
        self.setdefault(name, frame.f_globals["__name__"])


def _main():
    before = set(sys.modules)
    root, output, *sys.argv = sys.argv[1:]
    sys.path.insert(0, root)
    importers = _Importers()
    sys.meta_path.insert(0, importers)
    end = os._exit
    # Opened here: the hook may become another user.
    told = open(output, "x")

    def tell(code):
        for name in set(sys.modules) - before:
            told.write(f"{name} {importers.get(name, '?')}\n")
        told.close()
        end(code)

    os._exit = tell
    with open(sys.argv[0]) as f:
        code = compile(f.read(), sys.argv[0], "exec")
    # Not by runpy, which imports `typing` itself in Python 3.9.
    exec(code, {"__name__": "__main__", "__file__": sys.argv[0]})


if __name__ == "__main__":
    _main()

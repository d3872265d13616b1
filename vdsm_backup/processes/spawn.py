# SPDX-License-Identifier: GPL-2.0-or-later
"""
Starts the tool's own long-lived processes, the holder and the writer.

They outlive the tool, so they have a session of their own, the root directory
as working directory (a mount must not be busy because of them), and no files
but the ones they are given. They run the very code that the tool runs, found
where the tool found it: this file is started by its path, with -I and -S, so
that neither environment nor working directory choose what is imported. What
site would add to the path is in the tool's; to look for it again would be a
sixth of the time in which the writer starts.
"""

import json
import os
import runpy
import subprocess
import sys

_ROOT = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)


def start(
    module,
    args=(),
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
    pass_fds=(),
    as_root=False,
):
    """
    A process that runs the module as __main__ with args.

    as_root: a tool that was started as root and does its file I/O as another
    effective user gets a process that is root altogether; otherwise it makes
    no difference. By default the identity is inherited.
    """
    identity = {}
    if as_root and os.getuid() == 0 and os.geteuid() != 0:
        identity = {"user": 0, "group": 0}
    return subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-S",
            os.path.abspath(__file__),
            module,
            json.dumps(_import_path()),
            *args,
        ],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        pass_fds=pass_fds,
        start_new_session=True,
        cwd="/",
        **identity,
    )


def _import_path():
    path = [os.path.abspath(entry) for entry in sys.path]
    if _ROOT not in path:
        path.insert(0, _ROOT)
    return path


def _main():
    module, path = sys.argv[1:3]
    del sys.argv[1:3]
    sys.path[:] = json.loads(path)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()

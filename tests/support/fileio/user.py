# SPDX-License-Identifier: GPL-2.0-or-later
"""
A process that uses a FileIO, and talks on its stderr. Mostly it moves its own
standard output away first, as the command line does.

    python -m tests.support.fileio.user FUNCTION BACKEND TIMEOUT [ARGUMENT...]

BACKEND: see support/storage/backends.py.
"""

import contextlib
import os
import resource
import sys
import threading
import time

from vdsm_backup.fileio import base, choose
from vdsm_backup.processes import forking


def say(text):
    print(text, file=sys.stderr, flush=True)


def call(io, name, *args):
    """Says the pid of the child, then makes one call."""
    io.lstat("/")
    say(io.pid)
    getattr(io, name)(*args)


def call_with_stdout(io, name, *args):
    call(io, name, *args)


def write(io, path):
    """The first call is the one that may hang."""
    say(io.pid)
    io.writefile(path, b"new data")


def write_in_a_group(io, path):
    os.setpgid(0, 0)
    write(io, path)


def read_in_a_thread(io, path):
    def read():
        # When it is closed.
        with contextlib.suppress(base.Closed):
            io.readfile(path, True)

    threading.Thread(target=read, daemon=True).start()
    # Until the test has seen it wait.
    sys.stdin.readline()
    io.close()
    say("end")


def stay(io):
    io.lstat("/")
    say(io.pid)
    time.sleep(1000)


def read_without_threads(io, path):
    """main() has set the limit."""
    for _ in range(2):
        try:
            io.lstat(path)
        except OSError as e:
            say(e.errno)


def touch_as_vdsm(io, directory):
    """In a directory of vdsm, and where vdsm may not."""
    io.touch(f"{directory}/new", 0o600)
    try:
        io.touch("/not-allowed", 0o600)
    except PermissionError:
        say("refused")
    io.close()


def list_directory(io, path):
    try:
        io.listdir(path)
    except base.Closed:
        sys.exit(7)


KEEP_STDOUT = (call_with_stdout, list_directory)


def open_io(backend, timeout):
    if backend != "reader":
        return choose.open(backend, "test", timeout)
    forking.allow()
    choose.start_reader("embedded")
    return choose.open_to_read("embedded", "test", timeout)


def main(function, backend, timeout, *args):
    if function not in KEEP_STDOUT:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if function in (touch_as_vdsm, read_without_threads):
        os.setgroups([])
        os.setegid(36)
        os.seteuid(36)
    if function is read_without_threads:
        # It counts for a process that is vdsm altogether.
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    function(open_io(backend, float(timeout)), *args)


if __name__ == "__main__":
    main(globals()[sys.argv[1]], *sys.argv[2:])

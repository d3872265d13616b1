# SPDX-License-Identifier: GPL-2.0-or-later
"""A directory like /proc, with the processes that a test wants."""

import os

# When this host was booted.
BOOT = 1_000_000


def make(parent):
    """Returns its path. Nothing runs."""
    path = os.path.join(str(parent), "proc")
    os.makedirs(path)
    with open(os.path.join(path, "stat"), "w") as f:
        f.write(f"cpu 1 2 3\nbtime {BOOT}\nprocesses 9\n")
    for name in ("self", "sys"):
        os.mkdir(os.path.join(path, name))
    return path


def add(proc, pid, name, args, started):
    """started: as time.time()."""
    path = os.path.join(proc, str(pid))
    os.mkdir(path)
    ticks = int((started - BOOT) * os.sysconf("SC_CLK_TCK"))
    fields = ["S", *["0"] * 18, str(ticks), *["0"] * 30]
    with open(os.path.join(path, "stat"), "w") as f:
        f.write(f"{pid} ({name}) {' '.join(fields)}\n")
    with open(os.path.join(path, "cmdline"), "w") as f:
        f.write("".join(f"{arg}\0" for arg in args))

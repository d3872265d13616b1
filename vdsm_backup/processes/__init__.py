# SPDX-License-Identifier: GPL-2.0-or-later
"""
How the processes and threads of the product run. "The tool" is the process
of the command line; others are named after their modules.

    spawn.py           starts a module of the product as a process, by its name
    forks.py           lets spawn.py fork them, in place of starting Python
    fork_server.py     the process that forks them: it has imported their code
    forked.py          a process that is forked
    bootstrap.py       the first code of such a process
    signals.py         signals that end the command line
    defaults.py        signals mean what they mean by default
    forking.py         forks a process of ours
    companion.py       a fork that does what may hang, many calls at a time
    companion_child.py what the fork does
    confined.py        takes all privileges from a child, then runs a module
    identity.py        user and group of a process
    regular_files.py   opens what is a regular file, and nothing else
    stuck.py           processes that were killed and have not ended yet
    scripts.py         starts modules that answer a question which may hang
    script_output.py   what such a module imports to say its answer
    channel.py         messages between two of our processes
    durable_files.py   files that are on disk after a crash
    records.py         a lock and a JSON file of this host, for one domain
    whole_files.py     files that others read while we write them anew
    directories.py     directories of this host, made with fixed modes
    jobs.py            threads side by side, none of which holds up the others

A hook is a process on the way of every VM start, and it imports this package.
Importing `typing` and `dataclasses` takes longer than importing our own code.
Modules that a hook imports, or every command, therefore get the names for
their annotations in this way:

    TYPE_CHECKING = False
    if TYPE_CHECKING:
        from typing import Any

At run time nothing is imported, and annotations are not evaluated (`from
__future__ import annotations`). Type checkers take a variable of this name to
be true.
"""

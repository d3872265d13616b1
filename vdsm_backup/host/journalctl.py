# SPDX-License-Identifier: GPL-2.0-or-later
"""
What journal.py has sent, read from the journal of this host by journalctl.

Every user of a host can send entries that say they are ours. Who has sent one
is in its field _UID, which journald writes itself. So only those of users are
read who may send ours: root, and the user of storage.

The journal forgets: where it begins is told, whoever wrote there first.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup.host import journal, journal_entries
from vdsm_backup.processes import identity, stuck
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO

    from vdsm_backup.host.journal_entries import Entry

JOURNALCTL = "/usr/bin/journalctl"

# Seconds for all that is read.
TIMEOUT = 30

# Bytes of what one journalctl says: a hundred thousand entries.
_MAX_SAID = 128 * 1024**2

# --all: also values that are long.
_OPTIONS = ("--system", "--no-pager", "--output=json", "--all")

# Without the traces of faults, which are long.
_FIELDS = (
    *("MESSAGE", "PRIORITY", "_HOSTNAME", "_UID"),
    *(
        journal_entries.PREFIX + name
        for name in (
            *("ACTION", "RESULT", "ANSWER", "OPERATION", "MODE", "CODE"),
            *("DOMAIN", "NAME", "DISK", "VM", "VM_ID", "BEFORE", "AFTER"),
            *("REASON", "BY", "HOST_ID", "VIA", "COPY"),
        )
    ),
)

_LATE = "it could not be read in time"


class Reading(NamedTuple):
    """
    What was read.

    entries: oldest first.
    since: the time of the oldest entry that the journal of this host has,
        whoever wrote it, in seconds since the epoch. None: it has no entry, or
        nobody knows.
    problems: why some of it could not be read, for people. Empty: all was.
    """

    entries: list[Entry]
    since: float | None
    problems: list[str]


def read(
    uids: Iterable[int], since: float | None = None, timeout: float = TIMEOUT
) -> Reading:
    """
    Read the entries that were sent by these users. Takes at most `timeout`
    seconds, and raises nothing: what has been read by then counts.

    since: only entries since then, in seconds since the epoch.
    """
    deadline = time.monotonic() + timeout
    first = _run(["--output-fields=_UID"], deadline, whole=False)
    if first.problem:
        return Reading([], None, [f"the journal: {first.problem}"])
    begins = None
    if first.out:
        try:
            begins = journal_entries.time_of(first.out)
        except ValueError:
            problem = f"the journal: {JOURNALCTL} says no JSON"
            return Reading([], None, [problem])
    args = [
        f"--output-fields={','.join(_FIELDS)}",
        f"SYSLOG_IDENTIFIER={journal.IDENTIFIER}",
        *[f"_UID={uid}" for uid in sorted(set(uids))],
    ]
    if since is not None:
        args.append(f"--since=@{max(int(since), 0)}")
    said = _run(args, deadline, whole=True)
    entries, failed = journal_entries.parse(said.out)
    if since is not None:
        entries = [entry for entry in entries if entry.time >= since]
    problems = []
    if said.problem:
        problems.append(f"the journal: {said.problem}")
    elif failed:
        problems.append(f"the journal: {failed} entries make no sense")
    elif begins is None:
        problems.append("this host keeps no journal")
    return Reading(entries, begins, problems)


class _Said(NamedTuple):
    """problem: why it is not all. Empty: it is."""

    out: bytes
    problem: str


def _run(args: list[str], deadline: float, whole: bool) -> _Said:
    """
    What journalctl says until the deadline of time.monotonic().

    whole: all of it, and not only the first line.
    """
    try:
        process = subprocess.Popen(
            [JOURNALCTL, *_OPTIONS, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            **identity.root(),
        )
    except OSError as e:
        return _Said(b"", f"{JOURNALCTL}: {e.strerror}")
    assert process.stdout and process.stderr
    with process.stdout as out, process.stderr as err:
        try:
            return _listen(process, out, err, deadline, whole)
        finally:
            if process.poll() is None:
                process.kill()
                stuck.leave(process)


def _listen(
    process: subprocess.Popen[bytes],
    out: IO[bytes],
    err: IO[bytes],
    deadline: float,
    whole: bool,
) -> _Said:
    said = {out.fileno(): bytearray(), err.fileno(): bytearray()}
    told, warned = said.values()
    with selectors.DefaultSelector() as selector:
        for fd in said:
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0, deadline - time.monotonic()))
            if not ready or time.monotonic() > deadline:
                return _Said(bytes(told), _LATE)
            for key, _ in ready:
                data = os.read(key.fd, 1024**2)
                if not data:
                    selector.unregister(key.fd)
                said[key.fd] += data
            if not whole and b"\n" in told:
                return _Said(bytes(told.partition(b"\n")[0]), "")
            if len(told) + len(warned) > _MAX_SAID:
                return _Said(bytes(told), "it says too much to read it all")
    try:
        code = process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return _Said(bytes(told), _LATE)
    text = warned.decode("utf-8", "replace").strip()
    if code and not text:
        text = f"exit code {code}"
    # What it warns of are files that it cannot read, or not whole.
    return _Said(bytes(told), printable(text))

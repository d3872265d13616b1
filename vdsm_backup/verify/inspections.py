# SPDX-License-Identifier: GPL-2.0-or-later
"""
Starts the processes that read what is on storage: inspect_domain.py and
inspect_directories.py.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from vdsm_backup.processes import scripts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vdsm_backup.processes.jobs import Slow

_OF_DOMAIN = "vdsm_backup.verify.inspect_domain"
_OF_DIRECTORIES = "vdsm_backup.verify.inspect_directories"

# Characters of paths in the arguments of one process. The kernel limits all
# arguments to a quarter of the stack, 2 MiB.
_ARGUMENTS = 256 * 1024

# Processes at one time.
_AT_ONCE = 16


class Seen:
    """
    What a process has said, see inspect_domain.py and inspect_directories.py.

    facts: by their names in its objects. faults, failed: of each area.
    strays: its objects of directories. notes: for people.
    ended: the process said all that it had to say. late: it did not end in
        time.
    """

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.faults: dict[str, list[str]] = {}
        self.failed: dict[str, str] = {}
        self.strays: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.ended = False
        self.late = False


def of_domains(
    requests: Sequence[tuple[str, Mapping[str, Any]]],
    timeout: float,
    as_root: bool,
    slow: Slow | None = None,
) -> list[Seen]:
    """
    What there is, by the requests of inspect_domain.py, in their order.

    requests: each with the place of its domain. timeout: seconds for each of
    them. as_root: see Script. slow: called with the places that are still
    waited for, see Jobs.
    """
    args = [[json.dumps(request)] for _, request in requests]
    places = [place for place, _ in requests]
    return _run(_OF_DOMAIN, args, timeout, as_root, slow, places)


def of_directories(paths: Sequence[str], timeout: float) -> list[Seen]:
    """
    Whether these directories may be domains.

    timeout: seconds for each process.
    """
    parts: list[list[str]] = [[]]
    for path in paths:
        if sum(map(len, parts[-1])) + len(path) > _ARGUMENTS:
            parts.append([])
        parts[-1].append(path)
    return _run(_OF_DIRECTORIES, parts, timeout, as_root=False)


def _run(
    module: str,
    args: Sequence[Sequence[str]],
    timeout: float,
    as_root: bool,
    slow: Slow | None = None,
    places: Sequence[str] = (),
) -> list[Seen]:
    found: list[Seen] = []
    for i in range(0, len(args), _AT_ONCE):
        batch = [
            scripts.Script(module, *some, as_root=as_root)
            for some in args[i : i + _AT_ONCE]
        ]
        tell = None
        if slow:
            tell = functools.partial(_tell, slow, batch, places[i:])
        scripts.collect(batch, timeout, tell)
        found += map(_seen, batch)
    return found


def _tell(
    slow: Slow,
    batch: Sequence[scripts.Script],
    places: Sequence[str],
    late: Sequence[scripts.Script],
) -> None:
    slow([place for script, place in zip(batch, places) if script in late])


def _seen(script: scripts.Script) -> Seen:
    seen = Seen()
    seen.late = not script.ended
    for line in script.lines:
        if "stray" in line:
            seen.strays.append(line)
        elif "area" in line and "faults" in line:
            seen.faults[line["area"]] = line["faults"]
        elif "area" in line:
            seen.failed[line["area"]] = line["failed"]
        elif "notes" in line:
            seen.notes += line["notes"]
        elif "end" in line:
            seen.ended = True
        elif "access" in line:
            seen.facts.setdefault("access", {}).update(line["access"])
        else:
            seen.facts.update(line)
    return seen

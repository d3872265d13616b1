# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether runs that were killed have left something on this host: a lockspace
that is joined, which keeps VDSM from joining it, and LVs that are active.

Nothing is cleaned up here. The hint is a command that does it: a change of the
domain that has nothing to change.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup.doctor import checks
from vdsm_backup.processes import scripts
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, Mapping

    from vdsm_backup.metadata.flag import Flag

_SCRIPT = "vdsm_backup.lease.left_behind"
_NAME = "killed runs"

# Seconds for sanlock to answer.
_TIMEOUT = 10

# The number of a copy that no host has.
_NO_COPY = 999_999_999


class Known(NamedTuple):
    """
    What the hint needs of a domain.

    path: of one of the places where it was found. "": there is only one.
    """

    flag: Flag
    path: str = ""


class Left(NamedTuple):
    """
    What left_behind.py has said.

    domains: its lines of them. lockspaces: None if they are not known.
    no_sanlock: why they are not. failed: why not all was looked at, or "".
    is_late: it did not end in time.
    """

    domains: list[dict[str, Any]]
    lockspaces: Mapping[str, Any] | None
    no_sanlock: str
    failed: str
    is_late: bool


def ask(run_dir: str, timeout: float = _TIMEOUT) -> Left:
    """
    What killed runs have left. run_dir: of [sanlock], absolute. timeout:
    seconds.
    """
    script = scripts.Script(_SCRIPT, run_dir, as_root=True)
    scripts.collect([script], timeout)
    told: dict[str, Any] = {}
    domains = []
    for line in script.lines:
        if "domain" in line:
            domains.append(line)
        else:
            told.update(line)
    late = not script.ended
    stopped = f"it has not answered within {timeout:g} seconds"
    if not late:
        stopped = "the check of it failed"
    failed = "" if "end" in told else told.get("failed", f"sanlock: {stopped}")
    return Left(
        domains,
        told.get("lockspaces"),
        printable(told.get("sanlock", told.get("failed", stopped))),
        printable(failed),
        late,
    )


def check(
    left: Left, run_dir: str, host_id: int, known: Mapping[str, Known]
) -> Iterator[checks.Finding]:
    """
    left: of ask(run_dir). host_id: of [sanlock]. known: {UUID: what is known
    of the domain}.
    """
    if left.failed:
        text = f"not all could be looked for: {left.failed}"
        hint = f"see {run_dir}" if os.getuid() == 0 else checks.AS_ROOT
        yield checks.Finding(_NAME, checks.UNKNOWN, text, hint)
    spaces = left.lockspaces
    for domain in left.domains:
        yield _finding(domain, spaces, known.get(domain["domain"]))
    others = _without_record(spaces or {}, left.domains, host_id)
    yield from others
    if left.failed or left.domains or others:
        return
    if spaces is None:
        text = "none is on record; whether one has left this host in a"
        text += " lockspace is not known: see sanlock"
        yield checks.Finding(_NAME, checks.UNKNOWN, text)
    else:
        yield checks.Finding(_NAME, checks.OK, "none has left anything")


def _finding(
    domain: Mapping[str, Any],
    spaces: Mapping[str, Any] | None,
    known: Known | None,
) -> checks.Finding:
    sd_id = domain["domain"]
    if domain["pid"]:
        text = (
            f"none, but one changes domain {sd_id} now, or waits for a writer"
            f" that is stuck (pid {domain['pid']}): VDSM cannot join the"
            " lockspace meanwhile"
        )
        return checks.Finding(_NAME, checks.NOTE, text)
    if domain["ours"] and spaces:
        space = spaces[sd_id]
        text = (
            f"one has left this host in the lockspace of domain {sd_id}, as"
            f" host id {space['host_id']} by {printable(space['path'])}: VDSM"
            " cannot join it by its own host id"
        )
        return checks.Finding(_NAME, checks.BAD, text, _hint(sd_id, known))
    if domain["join"] and spaces and sd_id in spaces:
        space = spaces[sd_id]
        text = (
            f"one has left a record of the lockspace of domain {sd_id}; this"
            f" host is in it as host id {space['host_id']} by another join"
        )
    elif domain["join"] and spaces is None:
        text = (
            f"one may have left this host in the lockspace of domain {sd_id}:"
            " sanlock cannot be asked"
        )
        hint = _hint(sd_id, known)
        return checks.Finding(_NAME, checks.UNKNOWN, text, hint)
    elif domain["lvs"]:
        text = f"one has left LVs of domain {sd_id} active"
    else:
        text = (
            f"one has left a record of the lockspace of domain {sd_id}, in"
            " which this host is no more"
        )
    return checks.Finding(_NAME, checks.NOTE, text, _hint(sd_id, known))


def _without_record(
    spaces: Mapping[str, Any],
    domains: Iterable[Mapping[str, Any]],
    host_id: int,
) -> list[checks.Finding]:
    """
    Of lockspaces that were joined by our host id, while no run has that on
    record. VDSM joins by one host id, the engine's, and for moments by 250.
    """
    ids = {space["host_id"] for space in spaces.values()}
    if len(spaces) > 1 and ids == {host_id}:
        # It is VDSM's own.
        return []
    recorded = {domain["domain"] for domain in domains}
    found = []
    for name, space in sorted(spaces.items()):
        if space["host_id"] != host_id or name in recorded:
            continue
        if not is_uuid(name):
            continue
        path = space["path"]
        text = (
            f"none on record, but this host is in the lockspace of domain"
            f" {name} as host id {host_id}, by {printable(path)}: VDSM does"
            " that for moments; if it stays, a run was killed that had"
            " another [sanlock] run_dir"
        )
        call = f"sanlock.rem_lockspace(b'{name}', {host_id}, {path!a}"
        code = f"import sanlock; {call}, unused=True)"
        command = shlex.join(["python3", "-c", code])
        hint = f"to leave it, if nobody uses it: {command}"
        found.append(checks.Finding(_NAME, checks.NOTE, text, hint))
    return found


def _hint(sd_id: str, known: Known | None) -> str:
    """The command that cleans up, and changes nothing else."""
    if known is None or not known.flag.reason:
        # Nobody knows what to set without changing the metadata.
        return (
            f"vdsm-backup-domain restore {sd_id} --from {_NO_COPY}, which only"
            " cleans up, since there is no such copy"
        )
    action = "set" if known.flag.value else "clear"
    # With the reason that is there, nothing is to be changed.
    reason = known.flag.reason
    words = ["vdsm-backup-domain", action, sd_id, "--reason", reason]
    if reason.startswith("-"):
        # Behind a space it would be taken for an option.
        words[-2:] = [f"--reason={reason}"]
    if known.path:
        words += ["--path", known.path]
    return shlex.join(words)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
A script (processes/scripts.py) that tells what runs on this host have left
behind, or have in hand. It changes nothing, and takes no lock.

If the tool and the holder are killed, nobody leaves the lockspace, and VDSM
cannot join it by a host id of its own. The next change of the domain leaves it
(membership.py). Until then somebody has to be told. The records in [sanlock]
run_dir and the locks beside them are root's, so only root sees all of it.

The argument is run_dir. The script says one JSON object a line:

    {"failed": REASON}         run_dir cannot be read
    {"sanlock": REASON}        sanlock cannot be asked for lockspaces
    {"lockspaces": {NAME: {"host_id": N, "path": PATH}}}
    {"domain": UUID, "pid": PID or null, "join": BOOL, "lvs": BOOL,
     "ours": BOOL}
    {"end": true}

pid is the process that has one of the domain's locks. join: a join is on
record. lvs: active LVs are on record. ours: this host is in the lockspace by
the join that is on record.
"""

from __future__ import annotations

import os
import re

from vdsm_backup import errors
from vdsm_backup.processes.records import Record
from vdsm_backup.processes.script_output import say
from vdsm_backup.text import UUID

try:
    import sanlock

    from vdsm_backup.lease import lockspace
except ImportError as e:
    sanlock = None
    _missing = str(e)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_RECORDS = re.compile(rf"({UUID})(?:\.lvs)?\.json")


def main(args: Sequence[str]) -> None:
    (run_dir,) = args
    try:
        names = os.listdir(run_dir)
    except FileNotFoundError:
        names = []
    except OSError as e:
        say({"failed": f"{run_dir}: {e.strerror}"})
        return
    joined = _lockspaces()
    found = {match[1] for match in map(_RECORDS.fullmatch, names) if match}
    for sd_id in sorted(found):
        say(_domain(run_dir, sd_id, joined.get(sd_id)))
    say({"end": True})


def _lockspaces() -> dict[str, dict[str, Any]]:
    """Those that this host is in; says them, or why they are not known."""
    try:
        if sanlock is None:
            raise errors.SanlockFailed("be used", _missing)
        with lockspace.failing("list its lockspaces"):
            found = lockspace.all_joined()
    except errors.SanlockFailed as e:
        say({"sanlock": str(e)})
        return {}
    spaces = {
        name.decode("utf-8", "backslashreplace"): {
            "host_id": joined.host_id,
            "path": joined.path,
        }
        for name, joined in found.items()
    }
    say({"lockspaces": spaces})
    return spaces


def _domain(
    run_dir: str, sd_id: str, joined: Mapping[str, Any] | None
) -> dict[str, Any]:
    join, lvs = Record(run_dir, sd_id), Record(run_dir, f"{sd_id}.lvs")
    try:
        pid = join.running() or lvs.running()
        recorded = join.read()
    except errors.SanlockFailed:
        pid = recorded = None
    return {
        "domain": sd_id,
        "pid": pid,
        "join": join.exists(),
        "lvs": lvs.exists(),
        "ours": joined is not None and _is_of(recorded, sd_id, joined),
    }


def _is_of(recorded: object, sd_id: str, joined: Mapping[str, Any]) -> bool:
    """Whether the join on record is the one by which this host is in."""
    host_id = joined["host_id"]
    if not isinstance(recorded, dict) or recorded.get("host_id") != host_id:
        return False
    try:
        hosts = sanlock.get_hosts(sd_id.encode("ascii"), host_id)
    except sanlock.SanlockException:
        # It is still being joined.
        return True
    return any(h["generation"] == recorded.get("generation") for h in hosts)

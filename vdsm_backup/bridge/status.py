# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the bridge has seen last, for people and programs: a file that the service
writes and `status` shows, and values to watch. Pure, but for the files.
"""

from __future__ import annotations

import datetime
import json
import os
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors, prometheus
from vdsm_backup.bridge import host_hooks, shapes
from vdsm_backup.processes import regular_files, whole_files
from vdsm_backup.prometheus import Sample
from vdsm_backup.text import listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from vdsm_backup.bridge.host_hooks import HostHooks
    from vdsm_backup.bridge.rows import Row

NAME = "status.json"

SCHEMA = 1

# Seconds between two writes of the same; `status` calls what is older than
# STALE the words of a bridge that does not run. Nothing is written while it
# looks at one domain, and changes it: twice flags.READ, and flags.CHANGE.
REFRESH = 60
STALE = 900

# Bytes: far more than the status of thousands of domains.
_MAX_SIZE = 64 * 1024 * 1024

_MODE = 0o600
# Who collects the values is another user.
_METRICS_MODE = 0o644

_COLUMNS = ("NAME", "DATA CENTER", "BOX", "FLAG", "SINCE", "WHY")


class Status(NamedTuple):
    """
    time: seconds since the epoch. looked: when the engine answered last, in
        the same; None: not yet.
    answers: whether the engine answers, and lets the bridge in.
    problem: why the bridge could not do all of its last round, or "".
    """

    time: float
    looked: float | None
    answers: bool
    problem: str
    domains: tuple[Row, ...]
    hosts: tuple[HostHooks, ...]


def to_json(status: Status) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "time": _when(status.time),
        "engine": {"answers": status.answers, "why": status.problem},
        "domains": [
            {
                "id": row.id,
                "name": row.name,
                "data_center": row.data_center or None,
                "box": row.box,
                "flag": row.flag,
                "differs_since": (
                    _when(row.differs_since)
                    if row.differs_since is not None
                    else None
                ),
                "why": row.why or None,
                "row": row.row,
                "act": row.act,
            }
            for row in _by_name(status.domains)
        ],
        "hosts": [
            {
                "id": host.id,
                "name": host.name,
                "hook": host.hook,
                "event_names": list(host.event_names),
            }
            for host in status.hosts
        ],
    }


def _by_name(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.name, row.id))


def _when(seconds: float) -> str:
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def write(directory: str, status: Status) -> None:
    """Raises BridgeState."""
    data = json.dumps(to_json(status), indent=1).encode()
    path = os.path.join(directory, NAME)
    try:
        whole_files.replace(path, data, _MODE)
    except OSError as e:
        raise errors.BridgeState(path, e.strerror or str(e))


def read(directory: str) -> dict[str, Any]:
    """As to_json() made it. Raises BridgeNotRun."""
    path = os.path.join(directory, NAME)
    try:
        # The user of the service can put anything there, and root reads it.
        with open(regular_files.open_file(path, os.O_RDONLY), "rb") as f:
            found = json.loads(f.read(_MAX_SIZE))
        if found["schema"] != SCHEMA:
            raise ValueError
        # That it can be shown is all that is asked of it.
        text(found)
        is_stale(found, 0.0)
    except OSError as e:
        raise errors.BridgeNotRun(path, regular_files.why(e))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise errors.BridgeNotRun(path, "it is no status of this version")
    checked: dict[str, Any] = found
    return checked


def is_stale(found: dict[str, Any], now: float) -> bool:
    """Whether it was written so long ago that no bridge runs."""
    return found["time"] < _when(now - STALE)


def text(found: dict[str, Any]) -> str:
    """For people. found: as to_json() makes it."""
    lines: list[tuple[str, ...]] = [_COLUMNS]
    for row in found["domains"]:
        box = {True: "on", False: "off", None: "?"}[row["box"]]
        since = row["differs_since"] or "-"
        cells = (row["name"], row["data_center"] or "-", box, row["flag"])
        lines.append((*map(printable, cells), since, row["why"] or "-"))
    widths = [max(map(len, column)) for column in zip(*lines)]
    shown = [
        "  ".join(f"{c:{w}}" for c, w in zip(line, widths)).rstrip()
        for line in lines
    ]
    for host in found["hosts"]:
        if host["hook"] != host_hooks.OK:
            names = listed(host["event_names"])
            shown.append(
                f"host {printable(host['name'])}: hooks {host['hook']}:"
                f" {names}"
            )
    if found["engine"]["why"]:
        shown.append(found["engine"]["why"])
        shown.append("What is above may have been seen before that.")
    shown.append(f"As of {found['time']}")
    return "\n".join(shown)


# {family of values: what it is}.
_FAMILIES = {
    "vdsm_backup_drift": "1: box and flag differ, or one is on and the other"
    " is not known",
    "vdsm_backup_bridge_engine_up": "1: the engine answers, and lets us in",
    "vdsm_backup_bridge_last_run_seconds": "when the engine answered last",
    "vdsm_backup_bridge_hook": "1: the hooks of a host are in this state",
}


def metrics(status: Status) -> str:
    """In the format of Prometheus."""
    samples = [
        Sample("vdsm_backup_bridge_engine_up", {}, int(status.answers)),
    ]
    if status.looked is not None:
        looked = int(status.looked)
        samples.append(
            Sample("vdsm_backup_bridge_last_run_seconds", {}, looked)
        )
    for row in status.domains:
        is_known = row.box is not None and row.flag != shapes.UNKNOWN
        if is_known or row.box or row.flag == shapes.ON:
            labels = {"domain": row.id, "name": printable(row.name)}
            drifts = not is_known or row.differs_since is not None
            samples.append(Sample("vdsm_backup_drift", labels, int(drifts)))
    for host in status.hosts:
        labels = {"host": printable(host.name), "state": host.hook}
        samples.append(Sample("vdsm_backup_bridge_hook", labels, 1))
    return prometheus.text(samples, _FAMILIES)


def write_metrics(path: str, status: Status) -> None:
    """Raises BridgeState."""
    try:
        data = metrics(status).encode("utf-8", "backslashreplace")
        whole_files.replace(path, data, _METRICS_MODE)
    except OSError as e:
        raise errors.BridgeState(path, regular_files.why(e))

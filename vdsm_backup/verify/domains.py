# SPDX-License-Identifier: GPL-2.0-or-later
"""All checks of domains, put together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from vdsm_backup import errors
from vdsm_backup.host import devices
from vdsm_backup.processes.jobs import telling
from vdsm_backup.storage.block import BlockStorage
from vdsm_backup.storage.file import FileStorage
from vdsm_backup.verify import (
    files,
    host,
    inspections,
    leases,
    lines,
    volume_group,
)
from vdsm_backup.verify.findings import Findings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vdsm_backup.change.history import History
    from vdsm_backup.config import Config
    from vdsm_backup.metadata.flag import Flag
    from vdsm_backup.metadata.lines import Metadata
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.base import Storage


class Reading(Protocol):
    """What was read of a domain: cli/readings.py."""

    @property
    def storage(self) -> Storage: ...

    @property
    def md(self) -> Metadata | None: ...

    @property
    def flag(self) -> Flag | None: ...

    @property
    def error(self) -> errors.Error | None: ...

    @property
    def lines(self) -> tuple[str, ...]: ...


class _Check:
    """One domain, while it is checked."""

    def __init__(self, reading: Reading, values: Mapping[str, str]) -> None:
        self.reading = reading
        self.values = values
        self.found = Findings()
        self.request: dict[str, Any] | None = None
        #: Those that the domain must have.
        self.areas: Sequence[str] = leases.needed(values)


def check(
    readings: Sequence[Reading],
    options: Config,
    history: History,
    slow: Slow | None = None,
) -> list[Findings]:
    """
    What is wrong with domains, in their order, beside what keeps their flag
    from being read.

    slow: called with the domains that are still waited for, by where they were
    found; see Jobs.

    Raises none of our errors: they are findings.
    """
    checks = []
    for reading in readings:
        with telling([reading.storage.found_at], slow):
            checks.append(_begin(reading, options, history))
    for kind, as_root in (("file", False), ("block", True)):
        some = [
            check
            for check in checks
            if check.request and check.reading.storage.kind == kind
        ]
        requests = [
            (check.reading.storage.found_at, check.request)
            for check in some
            if check.request
        ]
        timeout = options.io_timeout
        seen = inspections.of_domains(requests, timeout, as_root, slow)
        for one, what in zip(some, seen):
            _add_seen(one, what, options)
    return [check.found for check in checks]


def _begin(reading: Reading, options: Config, history: History) -> _Check:
    storage = reading.storage
    sd_id = storage.sd_id
    values = reading.md.values if reading.md else {}
    check = _Check(reading, values)
    if {"VERSION", "SDUUID"} <= set(values):
        check.found.add(
            lines.check(reading.lines, values, sd_id, storage.kind)
        )
    check.found.add(host.check(sd_id, reading.flag, history, options.run_dir))
    # A mount that hangs gets no second process that hangs.
    if isinstance(reading.error, errors.StorageTimeout):
        return check
    if isinstance(storage, FileStorage):
        check.request = _request(check, storage.directory, options)
        check.request["areas"] = dict.fromkeys(_with_content(check))
    elif isinstance(storage, BlockStorage) and reading.md is not None:
        _begin_block(check, storage, options)
    return check


def _request(
    check: _Check, directory: str | None, options: Config
) -> dict[str, Any]:
    sd_id = check.reading.storage.sd_id
    request = leases.request(sd_id, check.values, options.host_id)
    if request is None:
        # Nothing is known of the sizes of areas, so none is looked at.
        check.areas = ()
        request = {"sd_id": sd_id, "align": 0, "sector": 0, "host_id": 0}
    return {**request, "directory": directory, "areas": {}}


def _with_content(check: _Check) -> Sequence[str]:
    """The areas in which sanlock and VDSM have something."""
    # A local domain has but the lock of ids.
    return check.areas if len(check.areas) > 1 else ()


def _begin_block(
    check: _Check, storage: BlockStorage, options: Config
) -> None:
    found = check.found
    vg = None
    try:
        vg = storage.last_vg()
        found.add(volume_group.check(vg))
        layout = storage.layout()
    except errors.Error as e:
        if vg and vg.hazard():
            found.unseen.append(f"its PVs and LVs were not looked at: {e}")
        else:
            found.problems.append(e)
        return
    found.add(
        volume_group.check_layout(
            vg,
            layout,
            check.values,
            devices.block_sizes,
            devices.is_read_only,
        )
    )
    check.request = _request(check, None, options)
    if os.getuid() != 0:
        found.unseen.append(
            "ids, leases and xleases were not looked at: that needs root"
        )
        check.request = None
        return
    for area in _with_content(check):
        if area not in layout.lvs:
            continue
        parts = layout.parts(area)
        if parts is None:
            text = f"{area} was not looked at: its LV is not plain"
            found.unseen.append(text)
        else:
            check.request["areas"][area] = parts


def _add_seen(check: _Check, seen: inspections.Seen, options: Config) -> None:
    storage, found = check.reading.storage, check.found
    if seen.late:
        found.problems.append(
            errors.StorageTimeout(storage.found_at, options.io_timeout)
        )
    elif not seen.ended or "failed" in seen.facts:
        reason = seen.facts.get(
            "failed", "the process that looks at it failed"
        )
        error = errors.MetadataUnreadable(storage.sd_id, reason)
        if not isinstance(check.reading.error, errors.Unreadable):
            found.problems.append(error)
    if storage.kind == "file":
        found.add(
            files.check(
                storage.sd_id,
                seen,
                check.areas,
                options.uid,
                options.gid,
                storage.found_at,
            )
        )
    else:
        # It was root that looked.
        areas = leases.check_areas(storage.sd_id, seen, check.areas, (), True)
        found.add(areas)

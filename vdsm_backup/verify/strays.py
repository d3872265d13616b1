# SPDX-License-Identifier: GPL-2.0-or-later
"""
Directories and VGs that are or were domains, and that VDSM or we do not find.

VDSM looks for <mount>/*-*-*-*-*/dom_md, following links, and then for the one
with the UUID that it wants: scanDomains() in lib/vdsm/storage/fileSD.py. We
look for UUIDs in lower case, and follow no links there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.processes.jobs import telling
from vdsm_backup.storage import incomplete
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.verify import inspections, left_out
from vdsm_backup.verify.findings import Findings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import Any

    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.sources import Sources

# Entries of one mount that are looked at: a malicious export has millions.
_MOST = 1000


class Stray(NamedTuple):
    """
    sd_id: of the domain, None if it is not known. place: a directory or a VG.
    """

    sd_id: str | None
    place: str
    findings: Findings


def of(
    sources: Sources,
    domains: Collection[str],
    failed: Collection[str],
    timeout: float,
    slow: Slow | None = None,
) -> list[Stray]:
    """
    What the sources have passed over.

    domains: directories of the domains that were found. failed: mounts that
    are not looked at, since they hang. timeout: seconds, for each mount. slow:
    called with a mount that is still waited for, see Jobs.
    """
    found: list[Stray] = []
    for mount, names in sorted(sources.passed_over.items()):
        if mount in failed:
            continue
        with telling([mount], slow):
            found += _of_mount(mount, sorted(names), domains, timeout)
    for vg in sources.other_vgs:
        error = left_out.unmade(vg)
        if error:
            sd_id = vg.name if is_uuid(vg.name) else None
            findings = Findings([error])
            found.append(Stray(sd_id, vg.found_at, findings))
    return found


def _of_mount(
    mount: str, names: Sequence[str], domains: Collection[str], timeout: float
) -> Iterator[Stray]:
    # UUIDs first, since they are domains most likely.
    names = sorted(names, key=lambda name: not is_uuid(name.lower()))
    paths = [os.path.join(mount, name) for name in names[:_MOST]]
    for seen in inspections.of_directories(paths, timeout) if paths else ():
        for stray in seen.strays:
            yield from _stray(stray, domains)
        if not seen.ended:
            error = errors.StorageTimeout(mount, timeout)
            yield Stray(None, mount, Findings([error]))
            return
    if len(names) > _MOST:
        text = f"{len(names)} entries are no domains, {_MOST} were looked at"
        yield Stray(None, mount, Findings(unseen=[text]))


def _stray(
    seen: Mapping[str, Any], domains: Collection[str]
) -> Iterator[Stray]:
    path, sd_id = seen["stray"], seen["sd_id"]
    mount, name = os.path.split(path)
    if is_uuid(name):
        kind, entries = seen["dom_md"], seen["entries"]
        problem = incomplete.problem(name, path, kind, entries)
        if problem:
            yield Stray(name, path, Findings([problem]))
        return
    if seen["dom_md"] != "directory" or sd_id is None:
        return
    if os.path.join(mount, sd_id) in domains:
        text = (
            f"it has a copy of domain {printable(sd_id)}, which is beside it"
        )
        yield Stray(None, path, Findings(notes=[text]))
        return
    why = (
        f"its directory is named {printable(name)}, and its SDUUID is"
        f" {printable(sd_id)}: VDSM looks for it under that name, in lower"
        " case"
    )
    known = sd_id if is_uuid(sd_id) else None
    error = errors.DomainRefused(printable(sd_id), why)
    yield Stray(known, path, Findings([error]))

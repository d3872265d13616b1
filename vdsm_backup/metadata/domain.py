# SPDX-License-Identifier: GPL-2.0-or-later
"""
The metadata of a domain that can have a flag, checked; and what it says of
the domain's leases. Pure functions.
"""

from __future__ import annotations

from collections import namedtuple

from vdsm_backup import errors
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Sequence

    from vdsm_backup.metadata.flag import Flag
    from vdsm_backup.metadata.lines import Metadata

# The pool that a domain is attached to; empty if it is detached.
POOL = "POOL_UUID"

# What older VDSM wrote instead of nothing, and what VDSM takes for nothing:
# getPools() in lib/vdsm/storage/sd.py.
NO_POOL = "00000000-0000-0000-0000-000000000000"

# What VDSM writes when an engine has elected a domain to be the master of its
# pool: DMDK_ROLE and MASTER_DOMAIN in lib/vdsm/storage/sd.py.
ROLE = "ROLE"
MASTER = "Master"

# Sizes that sanlock has, in bytes: SANLK_LSF_ALIGN* and SANLK_LSF_SECTOR* in
# sanlock.h.
ALIGNMENTS = tuple(n * 1024**2 for n in (1, 2, 4, 8))
SECTORS = (512, 4096)

# V4 has no ALIGNMENT and BLOCK_SIZE; it always uses these.
V4_GEOMETRY = (ALIGNMENTS[0], SECTORS[0])


# Metadata that is gone, that is none, or that nobody can trust. Metadata that
# cannot be read now may be whole, and metadata of another version or class is
# whole.
NOT_WHOLE = (errors.MetadataMissing, errors.Untrustworthy)


class Checked(namedtuple("Checked", "lines values flag")):
    """
    Metadata that is whole, of a version and class that can have a flag.

    lines: as they were read. values: without the checksum.
    """

    __slots__ = ()
    lines: list[str]
    values: dict[str, str]
    flag: Flag

    @property
    def pool(self) -> str:
        """UUID of the pool that the domain is attached to, or ""."""
        pool = self.values.get(POOL, "")
        return "" if pool == NO_POOL else pool


def check(lines: list[str], sd_id: str) -> Checked:
    """
    Require whole metadata of a domain that can have a flag.

    Raises NotMetadata, SealBroken, SealMissing, DamagedMetadata,
    UnsupportedVersion, UnsupportedClass, InvalidFlag.
    """
    md = md_lines.require(lines, sd_id)
    # First whether the metadata is whole: if it is cut off, its last line may
    # be "VERSION=".
    if md.seal == "missing":
        raise errors.SealMissing(sd_id)
    if md.dropped:
        raise _dropped_line(md.dropped, sd_id)
    flag.require_supported(md.values, sd_id)
    return Checked(lines, md.values, flag.read(md.values, sd_id))


def lesser_problems(md: Metadata, sd_id: str) -> list[errors.Error]:
    """
    Further problems: those that keep nobody from reading the flag, and those
    behind the first one that md_lines.require() or flag.read() raised. That
    one may be repeated here; the caller drops repeats.
    """
    found: list[errors.Error] = []
    # Where it is not, a checksum helps nothing, and `reseal` refuses it.
    is_metadata = {"VERSION", "SDUUID"} <= set(md.values)
    can_be_sealed = is_metadata and not md.duplicates
    if can_be_sealed and md.seal == "missing":
        found.append(errors.SealMissing(sd_id))
    if can_be_sealed and md.seal == "broken":
        declared = printable(md.declared or "")
        found.append(errors.SealBroken(sd_id, declared, md.computed))
    if md.dropped:
        found.append(_dropped_line(md.dropped, sd_id))
    if flag.BACKUP in md.values:
        try:
            flag.read(md.values, sd_id)
            flag.require_supported({"VERSION": "", **md.values}, sd_id)
        except errors.Error as e:
            found.append(e)
    return found


def is_master(values: Mapping[str, str]) -> bool:
    """Whether a domain is the master of the pool that it is attached to."""
    # As isMaster() in lib/vdsm/storage/sd.py compares it.
    master = values.get(ROLE, "").capitalize() == MASTER
    return master and values.get(POOL, "") not in ("", NO_POOL)


def geometry(values: Mapping[str, str], sd_id: str) -> tuple[int, int]:
    """
    (alignment, sector size) of the domain's leases, in bytes.

    values: the metadata of a V4 or V5 domain.

    Raises DamagedMetadata if sanlock has no such sizes.
    """
    if values["VERSION"] == "4":
        return V4_GEOMETRY
    try:
        found = int(values["ALIGNMENT"]), int(values["BLOCK_SIZE"])
    except (KeyError, ValueError):
        found = 0, 0
    if found[0] not in ALIGNMENTS or found[1] not in SECTORS:
        problem = "ALIGNMENT or BLOCK_SIZE is missing or no size of sanlock"
        raise errors.DamagedMetadata(sd_id, problem)
    return found


def _dropped_line(
    dropped: Sequence[str], sd_id: str
) -> errors.DamagedMetadata:
    problem = f"a line without '=': {printable(dropped[0])}"
    return errors.DamagedMetadata(sd_id, problem)

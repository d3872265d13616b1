# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lines of the metadata: keys and values that VDSM does not accept, or that
people read otherwise than VDSM. Pure functions. What keeps the flag from being
read is told by cli/readings.py.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.lease import ondisk
from vdsm_backup.metadata import domain, flag
from vdsm_backup.metadata.lines import SEAL
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.verify.findings import Findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# SD_MD_FIELDS in lib/vdsm/storage/sd.py, FILE_SD_MD_FIELDS in fileSD.py,
# BLOCK_SD_MD_FIELDS in blockSD.py, SP_MD_FIELDS in sp.py.
_VDSM_KEYS = set(
    """
    VERSION SDUUID TYPE ROLE DESCRIPTION CLASS POOL_UUID LOCKPOLICY
    LOCKRENEWALINTERVALSEC LEASETIMESEC IOOPTIMEOUTSEC LEASERETRIES BLOCK_SIZE
    ALIGNMENT LOGBLKSIZE PHYBLKSIZE VGUUID REMOTE_PATH POOL_DESCRIPTION
    POOL_DOMAINS POOL_SPM_ID POOL_SPM_LVER MASTER_VERSION
    """.split()
)
_KEYS = {*_VDSM_KEYS, *flag.KEYS, SEAL}

# DOMAIN_CLASSES and DOMAIN_TYPES in sd.py; supported_versions of its domains.
_CLASSES = ("Data", "Iso", "Backup")
_FILE_TYPES = ("NFS", "LOCALFS", "CIFS", "POSIXFS", "GLUSTERFS")
_BLOCK_TYPES = ("FCP", "ISCSI")
_VERSIONS = (0, 2, 3, 4, 5)

# DMDK_PV_REGEX in blockSD.py.
PV_KEY = re.compile(r"PV\d+")


def check(
    lines: Iterable[str], values: Mapping[str, str], sd_id: str, kind: str
) -> Findings:
    """
    lines: as they were read. values: what they say, without the checksum; they
    have VERSION and SDUUID. kind: of the domain, "file" or "block".
    """
    found = Findings(looked_at=["metadata", "checksum", "flag"])
    _check_keys(lines, values, sd_id, found)
    _check_companions(values, sd_id, found)
    _check_pool(values, sd_id, found)
    found.problems += _geometry_problems(values, sd_id)
    found.problems += _refused_values(values, sd_id, kind)
    types = _BLOCK_TYPES if kind == "block" else _FILE_TYPES
    stored = values.get("TYPE", "")
    if stored in (*_FILE_TYPES, *_BLOCK_TYPES) and stored not in types:
        found.notes.append(f"TYPE is {stored}, but it is a {kind} domain")
    return found


# Keys


def _check_keys(
    lines: Iterable[str],
    values: Mapping[str, str],
    sd_id: str,
    found: Findings,
) -> None:
    keys = [line.partition("=")[0].strip() for line in lines if "=" in line]
    for key in dict.fromkeys(keys):
        meant = _meant(key)
        if not meant or meant == key:
            continue
        text = f"its key {printable(key)} is not {meant}, and is ignored"
        if meant == flag.BACKUP:
            found.problems.append(errors.DamagedMetadata(sd_id, text))
        else:
            found.notes.append(text)
    twice = sorted(key for key, count in Counter(keys).items() if count > 1)
    same = [key for key in twice if len(_values_of(key, lines)) == 1]
    if same:
        shown = ", ".join(printable(key) for key in same)
        found.notes.append(
            f"twice with the same value: {shown}; VDSM keeps one when it"
            " writes"
        )


def _meant(key: str) -> str:
    """The key that a person may take this one for, or ""."""
    plain = unicodedata.normalize("NFKC", key).upper()
    plain = re.sub("[^A-Z0-9_]", "", plain.replace("-", "_"))
    return plain if plain in _KEYS else ""


def _values_of(key: str, lines: Iterable[str]) -> set[str]:
    parts = (line.partition("=") for line in lines)
    return {value for k, sign, value in parts if sign and k.strip() == key}


# Values


def _check_companions(
    values: Mapping[str, str], sd_id: str, found: Findings
) -> None:
    """We write BACKUP wherever we write a companion of it, and never less."""
    alone = [key for key in flag.KEYS if key in values]
    if alone and flag.BACKUP not in values:
        problem = f"it has {', '.join(alone)}, and no {flag.BACKUP}: somebody"
        problem += " has taken the flag away"
        found.problems.append(errors.DamagedMetadata(sd_id, problem))


def _check_pool(
    values: Mapping[str, str], sd_id: str, found: Findings
) -> None:
    if domain.POOL not in values:
        found.notes.append(
            f"it has no {domain.POOL}; VDSM takes it for detached"
        )
        return
    pools = list(filter(None, values[domain.POOL].split(",")))
    if pools == [domain.NO_POOL]:
        found.notes.append(
            f"{domain.POOL} is {domain.NO_POOL}; VDSM takes it for detached"
        )
    bad = [pool for pool in pools if not is_uuid(pool)]
    if bad or (not pools and values[domain.POOL]):
        shown = printable(values[domain.POOL])
        problem = f"{domain.POOL} is no UUID of a pool: {shown}"
        found.problems.append(errors.DamagedMetadata(sd_id, problem))
    elif len(pools) > 1 and values.get("CLASS") == flag.DATA_CLASS:
        problem = f"a Data domain has one pool, {domain.POOL} has"
        problem += f" {printable(values[domain.POOL])}"
        found.problems.append(errors.DamagedMetadata(sd_id, problem))


def _geometry_problems(
    values: Mapping[str, str], sd_id: str
) -> Iterator[errors.Error]:
    version = values["VERSION"]
    if version == "4":
        for key, only in zip(("ALIGNMENT", "BLOCK_SIZE"), domain.V4_GEOMETRY):
            if values.get(key, str(only)) != str(only):
                problem = f"{key} is {printable(values[key])}, a domain of"
                problem += f" version 4 has {only}"
                yield errors.DomainRefused(sd_id, problem)
    if version == "5":
        try:
            align, sector = domain.geometry(values, sd_id)
        except errors.DamagedMetadata as e:
            yield e
            return
        if not ondisk.host_ids(align, sector):
            problem = f"sanlock has no areas of {align} bytes with sectors of"
            problem += f" {sector}: ALIGNMENT and BLOCK_SIZE do not fit"
            yield errors.DamagedMetadata(sd_id, problem)


def _refused_values(
    values: Mapping[str, str], sd_id: str, kind: str
) -> Iterator[errors.Error]:
    """What VDSM cannot decode: SD_MD_FIELDS in sd.py."""
    version = values["VERSION"]
    number = _int(version)
    if number not in _VERSIONS:
        problem = f"VERSION is {printable(version)}"
        yield errors.DomainRefused(sd_id, problem)
    elif version != str(number):
        problem = f"VERSION is {printable(version)!a}, VDSM writes {number}"
        yield errors.DamagedMetadata(sd_id, problem)
    for key, known in (
        ("CLASS", _CLASSES),
        ("TYPE", (*_FILE_TYPES, *_BLOCK_TYPES)),
    ):
        value = values.get(key)
        # VDSM reads TYPE in either case: name2type().
        same = value.upper() if value and key == "TYPE" else value
        if same not in known:
            shown = "missing" if value is None else printable(value)
            problem = f"{key} is {shown}, VDSM knows {', '.join(known)}"
            yield errors.DomainRefused(sd_id, problem)
    # getInfo() and isMaster() in sd.py, which have no default for them.
    for key in ("DESCRIPTION", "ROLE"):
        if key not in values:
            yield errors.DomainRefused(sd_id, f"{key} is missing")
    for key, value in sorted(values.items()):
        # decodePVInfo() in blockSD.py.
        if kind == "block" and PV_KEY.fullmatch(key):
            if not all(":" in item for item in value.split(",")):
                problem = f"{key} cannot be decoded: {printable(value)}"
                yield errors.DomainRefused(sd_id, problem)


def _int(text: str) -> int | None:
    try:
        return int(text[:10])
    except ValueError:
        return None

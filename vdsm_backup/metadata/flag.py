# SPDX-License-Identifier: GPL-2.0-or-later
"""
The backup flag in the metadata of a storage domain. Pure functions.

    BACKUP=True                              or False; absent means False
    BACKUP_REASON=nightly copies of site A   why, one line
    BACKUP_BY=admin@host1                    who changed it last; a claim
    BACKUP_SINCE=2026-11-22T11:40:00Z        when, UTC
    BACKUP_ORIGIN=...                        where, see storage/origin.py

Keys sort as VDSM sorts all keys. Nothing else in the metadata is touched.
"""

import unicodedata
from dataclasses import dataclass

from vdsm_backup import errors
from vdsm_backup.metadata import encoding
from vdsm_backup.text import printable

BACKUP = "BACKUP"
REASON = "BACKUP_REASON"
BY = "BACKUP_BY"
SINCE = "BACKUP_SINCE"
ORIGIN = "BACKUP_ORIGIN"
KEYS = (BACKUP, REASON, BY, SINCE, ORIGIN)

SINCE_FORMAT = "%Y-%m-%dT%H:%M:%SZ"

# Versions with external leases and sanlock on all kinds of storage: those
# that VDSM can still create and that have the SDM lease where we look for it.
VERSIONS = ("4", "5")
DATA_CLASS = "Data"

# Would end the line for a reader of a file (str.splitlines), or hide in it.
_FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}


@dataclass(frozen=True)
class Flag:
    value: bool
    reason: str = ""
    by: str = ""
    since: str = ""
    origin: str = ""


def read(values, domain):
    """
    The flag in these metadata values.

    Raises InvalidFlag if BACKUP is neither True nor False.
    """
    value = values.get(BACKUP, "False")
    if value not in ("True", "False"):
        raise errors.InvalidFlag(domain, printable(value))
    return Flag(
        value=value == "True",
        reason=values.get(REASON, ""),
        by=values.get(BY, ""),
        since=values.get(SINCE, ""),
        origin=values.get(ORIGIN, ""),
    )


def apply(values, flag):
    """The values with this flag; an empty companion is left out."""
    kept = {k: v for k, v in values.items() if k not in KEYS}
    kept[BACKUP] = str(flag.value)
    companions = {
        REASON: flag.reason,
        BY: flag.by,
        SINCE: flag.since,
        ORIGIN: flag.origin,
    }
    kept.update({k: v for k, v in companions.items() if v})
    return kept


def require_supported(values, domain):
    """Raises UnsupportedVersion, UnsupportedClass."""
    version = values["VERSION"]
    if version not in VERSIONS:
        raise errors.UnsupportedVersion(domain, printable(version))
    domain_class = values.get("CLASS", "")
    if domain_class != DATA_CLASS:
        raise errors.UnsupportedClass(domain, printable(domain_class))


def require_reason(text):
    """
    The reason as it will be stored.

    The limit is that of a VG tag on all kinds of domains, so that a reason
    means the same everywhere. Raises InvalidReason.
    """
    reason = text.strip(" ")
    if not reason:
        raise errors.InvalidReason("it is empty")
    for char in reason:
        if unicodedata.category(char) in _FORBIDDEN:
            shown = printable(char)
            raise errors.InvalidReason(
                f"it must be one line without control characters, it has"
                f" {shown}"
            )
    length = len(encoding.encode_tag(f"{REASON}={reason}"))
    if length > encoding.MAX_TAG:
        room = encoding.MAX_TAG - len(encoding.encode_tag(f"{REASON}="))
        raise errors.InvalidReason(
            f"it takes {length - encoding.MAX_TAG + room} characters as a VG"
            f" tag, {room} fit (a space takes 4)"
        )
    return reason

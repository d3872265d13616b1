# SPDX-License-Identifier: GPL-2.0-or-later
"""
The backup flag in the metadata of a storage domain. Pure functions.

    BACKUP=True                              or False; absent means False
    BACKUP_REASON=nightly copies of site A   why, one line
    BACKUP_BY=admin@host1                    who changed it last; a claim
    BACKUP_SINCE=2026-11-22T11:40:00Z        when, UTC
    BACKUP_ORIGIN=...                        where, see origin.py

The last four are the companions of the flag. These keys sort among the others
as VDSM sorts all keys. Nothing else in the metadata is touched.
"""

from __future__ import annotations

from collections import namedtuple

from vdsm_backup import errors
from vdsm_backup.metadata import encoding
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

BACKUP = "BACKUP"
REASON = "BACKUP_REASON"
BY = "BACKUP_BY"
SINCE = "BACKUP_SINCE"
ORIGIN = "BACKUP_ORIGIN"
KEYS = (BACKUP, REASON, BY, SINCE, ORIGIN)

# For time.strftime().
SINCE_FORMAT = "%Y-%m-%dT%H:%M:%SZ"

# Versions that have external leases, and sanlock on all kinds of storage. VDSM
# can still create domains of these versions, and their SDM lease is where we
# look for it.
VERSIONS = ("4", "5")
DATA_CLASS = "Data"

# Categories of characters that would end the line for a reader of a file
# (str.splitlines), or hide in it.
_FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}


class Flag(
    namedtuple(
        "Flag", "value reason by since origin", defaults=("", "", "", "")
    )
):
    """
    The flag and its companions. A companion that is absent is "".

    value: whether the domain is flagged.
    """

    __slots__ = ()
    value: bool
    reason: str
    by: str
    since: str
    origin: str


def read(values: Mapping[str, str], domain: str) -> Flag:
    """
    The Flag in these metadata values of a domain.

    domain: its UUID, for the error.

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


def apply(values: Mapping[str, str], flag: Flag) -> dict[str, str]:
    """The values with this flag in them. An empty companion is left out."""
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


def describe(flag: Flag) -> str:
    """The flag in words, harmless, as the end of a sentence."""
    if not flag.value:
        return "it is not a backup domain"
    by = printable(flag.by or "somebody unknown")
    since = printable(flag.since or "an unknown time")
    reason = printable(flag.reason or "-")
    return f"it is a backup domain, since {since} by {by}, reason: {reason}"


def require_supported(values: Mapping[str, str], domain: str) -> None:
    """
    Require that these are metadata values of a domain that can be flagged.

    Raises UnsupportedVersion, UnsupportedClass.
    """
    version = values["VERSION"]
    if version not in VERSIONS:
        raise errors.UnsupportedVersion(domain, printable(version))
    domain_class = values.get("CLASS", "")
    if domain_class != DATA_CLASS:
        raise errors.UnsupportedClass(domain, printable(domain_class))


def require_reason(text: str) -> str:
    """
    The reason as it will be stored: without the spaces around it.

    The limit is that of a VG tag on all kinds of domains, so that a reason
    means the same everywhere.

    Raises InvalidReason.
    """
    reason = text.strip(" ")
    if not reason:
        raise errors.InvalidReason("it is empty")
    # Only who sets a flag needs it.
    import unicodedata

    for char in reason:
        if unicodedata.category(char) in _FORBIDDEN:
            shown = printable(char)
            raise errors.InvalidReason(
                f"it must be one line without control characters, it has"
                f" {shown}"
            )
    length, without = _tag_length(REASON, reason), _tag_length(REASON, "")
    if length > encoding.MAX_TAG:
        raise errors.InvalidReason(
            f"it takes {length - without} characters as a VG tag,"
            f" {encoding.MAX_TAG - without} fit (a space takes 4)"
        )
    return reason


def require_by(text: str) -> str:
    """
    Who changes a flag, as it will be stored: without the spaces around it.
    Nothing is left out or cut here, as it is by changed_by(): a program says
    for whom it makes the change, and must know what is stored.

    Raises InvalidArgument.
    """
    by = text.strip(" ")
    if not by:
        raise errors.InvalidArgument("by", "it is empty")
    if not by.isprintable():
        problem = f"it has characters that do not print: {printable(by)}"
        raise errors.InvalidArgument("by", problem)
    length, without = _tag_length(BY, by), _tag_length(BY, "")
    if length > encoding.MAX_TAG:
        raise errors.InvalidArgument(
            "by",
            f"it takes {length - without} characters as a VG tag,"
            f" {encoding.MAX_TAG - without} fit (a space takes 4)",
        )
    return by


def changed_by(user: str, host: str) -> str:
    """
    BACKUP_BY of a change: user@host.

    Characters that do not print are left out. What does not fit a VG tag is
    cut: from the end of the user or of the host, whichever is longer.
    """
    user, host = _plain(user), _plain(host)
    while _tag_length(BY, f"{user}@{host}") > encoding.MAX_TAG:
        if len(user) > len(host):
            user = user[:-1]
        else:
            host = host[:-1]
    return f"{user}@{host}"


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable())


def _tag_length(key: str, value: str) -> int:
    return len(encoding.encode_tag(f"{key}={value}"))

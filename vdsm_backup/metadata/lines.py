# SPDX-License-Identifier: GPL-2.0-or-later
"""
Storage domain metadata as lines, and their checksum. Pure functions.

The metadata of a domain is a set of lines `KEY=value`. VDSM writes them
sorted by key, and the checksum last:

    BACKUP=True
    CLASS=Data
    ...
    VERSION=5
    _SHA_CKSUM=1cc5a1ea8d0a1f1b1d5d9b1a3b1b2f7ce6e0a3b5

The checksum seals the other lines, so we call its line the seal. It is SHA-1,
in hexadecimal, over the lines without itself, sorted by key and joined without
separators. Each line is encoded as ASCII, with XML character references for
all other characters.

Parsing agrees with VDSM on every input (lib/vdsm/storage/persistent.py,
fileSD.py, blockSD.py): a line is split at the first "=", its key is stripped,
and its value is kept as it is. A line without "=" is dropped. Of several lines
with one key the last one wins. A blank line, which an editor may leave at the
end, says nothing: it is dropped, too, and is no damage.

How lines become a file or VG tags is in encoding.py.
"""

from __future__ import annotations

from collections import namedtuple

from vdsm_backup import errors
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Mapping

# The key of the seal.
SEAL = "_SHA_CKSUM"


class Metadata(
    namedtuple("Metadata", "values declared computed duplicates dropped")
):
    """
    What a set of lines says.

    values: {key: value} of all keys but the seal.
    declared: the checksum in the seal, or None if there is no seal.
    computed: the right checksum of the values.
    duplicates: keys that had more than one value; the last one is in values.
    dropped: lines without "=" that are not blank.
    """

    __slots__ = ()
    values: dict[str, str]
    declared: str | None
    computed: str
    duplicates: tuple[str, ...]
    dropped: tuple[str, ...]

    @property
    def seal(self) -> str:
        """Whether the checksum fits: "valid", "broken" or "missing"."""
        if self.declared is None:
            return "missing"
        return "valid" if self.declared == self.computed else "broken"


def parse(lines: Iterable[str]) -> Metadata:
    """The Metadata of these lines, whatever they are. Never fails."""
    values: dict[str, str] = {}
    duplicates, dropped = set(), []
    for line in lines:
        key, separator, value = line.partition("=")
        if not separator:
            if line.strip():
                dropped.append(line)
            continue
        key = key.strip()
        if values.get(key, value) != value:
            duplicates.add(key)
        values[key] = value
    declared = values.pop(SEAL, None)
    return Metadata(
        values=values,
        declared=declared,
        computed=checksum(values),
        duplicates=tuple(sorted(duplicates)),
        dropped=tuple(dropped),
    )


def flush(values: Mapping[str, str]) -> list[str]:
    """The lines that VDSM would store for these values: sorted and sealed."""
    return [*_dump(values), f"{SEAL}={checksum(values)}"]


def checksum(values: Mapping[str, str]) -> str:
    """The checksum of these values, which are without the seal."""
    # Here, since it loads OpenSSL: what forks a reader does so before it has
    # read anything, and the reader needs none.
    import hashlib

    digest = hashlib.sha1()
    for line in _dump(values):
        digest.update(line.encode("ascii", "xmlcharrefreplace"))
    return digest.hexdigest()


def _dump(values: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in sorted(values.items())]


def domain(lines: Iterable[str]) -> str:
    """The UUID of the domain that has these lines, "" if they do not say."""
    return parse(lines).values.get("SDUUID", "")


def require(lines: Iterable[str], domain: str) -> Metadata:
    """
    The Metadata of a domain, if these lines can be trusted for reading.

    domain: its UUID. Lines of another domain cannot be trusted.

    A missing seal is left to the caller, since VDSM trusts such metadata.

    Raises NotMetadata, DamagedMetadata, SealBroken.
    """
    md = parse(lines)
    for key in ("VERSION", "SDUUID"):
        if key not in md.values:
            reason = f"it has no {key}" if md.values else "it is empty"
            raise errors.NotMetadata(domain, reason)
    if md.duplicates:
        keys = ", ".join(printable(key) for key in md.duplicates)
        raise errors.DamagedMetadata(domain, f"several values for {keys}")
    if md.declared is not None and md.seal == "broken":
        declared = printable(md.declared)
        raise errors.SealBroken(domain, declared, md.computed)
    if md.values["SDUUID"] != domain:
        reason = f"its SDUUID is {printable(md.values['SDUUID'])}"
        raise errors.NotMetadata(domain, reason)
    return md


def is_whole(lines: list[str] | None, domain: str) -> bool:
    """Whether these are lines of this domain, with a valid seal."""
    try:
        return lines is not None and require(lines, domain).seal == "valid"
    except (errors.NotMetadata, errors.DamagedMetadata, errors.SealBroken):
        return False

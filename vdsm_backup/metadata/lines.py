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

The checksum seals them: SHA-1, hex, over the lines without itself, sorted by
key and joined without separators; each line encoded as ASCII with XML
character references for all other characters.

Parsing agrees with VDSM on every input (lib/vdsm/storage/persistent.py,
fileSD.py, blockSD.py): split at the first "=", strip the key, keep the value
as it is, drop lines without "=", the last of several lines of one key wins.
How lines become a file or VG tags is in encoding.py.
"""

import hashlib
from dataclasses import dataclass

from vdsm_backup import errors
from vdsm_backup.text import printable

SEAL = "_SHA_CKSUM"


@dataclass(frozen=True)
class Metadata:
    """
    What a set of lines says.

    values: all keys but the seal.
    declared, computed: the seal found (None: there is none) and the right one.
    duplicates: keys that had more than one value; the last one is in values.
    dropped: lines without "=".
    """

    values: dict
    declared: "str | None"
    computed: str
    duplicates: tuple
    dropped: tuple

    @property
    def seal(self):
        if self.declared is None:
            return "missing"
        return "valid" if self.declared == self.computed else "broken"


def parse(lines):
    """Metadata of these lines, whatever they are; never fails."""
    values, duplicates, dropped = {}, set(), []
    for line in lines:
        key, separator, value = line.partition("=")
        if not separator:
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
        computed=seal(values),
        duplicates=tuple(sorted(duplicates)),
        dropped=tuple(dropped),
    )


def flush(values):
    """The lines that VDSM would store for these values: sorted, sealed."""
    return [*_dump(values), f"{SEAL}={seal(values)}"]


def seal(values):
    digest = hashlib.sha1()
    for line in _dump(values):
        digest.update(line.encode("ascii", "xmlcharrefreplace"))
    return digest.hexdigest()


def _dump(values):
    return [f"{key}={value}" for key, value in sorted(values.items())]


def require(lines, domain):
    """
    Metadata of a domain that can be trusted for reading.

    A seal that is missing is left to the caller: VDSM trusts such metadata.

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
    if md.seal == "broken":
        declared = printable(md.declared)
        raise errors.SealBroken(domain, declared, md.computed)
    if md.values["SDUUID"] != domain:
        reason = f"its SDUUID is {printable(md.values['SDUUID'])}"
        raise errors.NotMetadata(domain, reason)
    return md


def is_whole(lines, domain) -> bool:
    """Whether these are sealed lines of this domain; None is not."""
    try:
        return lines is not None and require(lines, domain).seal == "valid"
    except (errors.NotMetadata, errors.DamagedMetadata, errors.SealBroken):
        return False

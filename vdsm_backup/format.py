# SPDX-License-Identifier: GPL-2.0-or-later
"""
Storage domain metadata: lines, seal, file and tags. Pure functions.

The metadata of a domain is a set of lines `KEY=value`. VDSM writes them
sorted by key, and the seal last:

    BACKUP=True
    CLASS=Data
    ...
    VERSION=5
    _SHA_CKSUM=1cc5a1ea8d0a1f1b1d5d9b1a3b1b2f7ce6e0a3b5

Seal: SHA-1, hex, over the lines without the seal, sorted by key and joined
without separators; each line encoded as ASCII with XML character references
for all other characters.

File domains keep it in <mount>/<sdUUID>/dom_md/metadata: UTF-8, each line
ended by one LF. Trailing NUL bytes are padding. Readers split the text with
str.splitlines(), which also splits at VT, FF, FS, GS, RS, U+0085, U+2028 and
U+2029.

Block domains keep it in the tags of the VG named <sdUUID>, one line a tag, in
no order: "MDT_" and the line, in which each character outside
[a-zA-Z0-9_+.\\-/=!:#] is written as "&<code point in decimal>&":

    MDT_DESCRIPTION=my&32&data

Parsing agrees with VDSM on every input (lib/vdsm/storage/persistent.py,
fileSD.py, blockSD.py): split at the first "=", strip the key, keep the value
as it is, drop lines without "=", the last of several lines of one key wins.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from vdsm_backup import errors

SEAL = "_SHA_CKSUM"
TAG_PREFIX = "MDT_"

# lvm2 before 2.02.108 limits a tag to 1024 characters (lvm(8), "tags").
MAX_TAG = 1024

# Characters that VDSM keeps as they are in a tag (blockSD.py).
_TAG_UNSAFE = re.compile(r"[^a-zA-Z0-9_+.\-/=!:#]")
_TAG_ESCAPE = re.compile(r"&(\d+)&")

# Longest text from storage that is shown to a user.
MAX_SHOWN = 256

# Cc: C0, DEL, C1. Cs: lone surrogates. Zl, Zp: line and paragraph separator.
# Cf has the bidirectional controls; it is escaped as a whole.
_HIDDEN = {"Cc", "Cs", "Zl", "Zp", "Cf"}


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


# Files


def decode_file(data, domain):
    """
    Lines of a metadata file.

    Raises NotMetadata if it is not UTF-8.
    """
    try:
        return data.rstrip(b"\0").decode("utf-8").splitlines()
    except UnicodeDecodeError as e:
        reason = f"it is not UTF-8 text at byte {e.start}"
        raise errors.NotMetadata(domain, reason)


def encode_file(lines):
    return b"".join(line.encode("utf-8") + b"\n" for line in lines)


# VG tags


def encode_tag(line):
    return TAG_PREFIX + _TAG_UNSAFE.sub(lambda m: f"&{ord(m[0])}&", line)


def decode_tags(tags, domain):
    """
    Lines in the tags of a VG; tags that are not metadata are passed over.

    Raises DamagedMetadata if an escape is no code point.
    """
    lines = []
    for tag in tags:
        if tag.startswith(TAG_PREFIX):
            lines.append(_decode_tag(tag, domain))
    return lines


def _decode_tag(tag, domain):
    try:
        return _TAG_ESCAPE.sub(
            lambda m: chr(int(m[1])), tag[len(TAG_PREFIX) :]
        )
    except (ValueError, OverflowError):
        problem = f"tag {printable(tag)} cannot be decoded"
        raise errors.DamagedMetadata(domain, problem)


# Text for people


def printable(text):
    """
    Text from storage or from another program, harmless on a terminal:
    hidden characters are escaped, and it is cut at MAX_SHOWN characters.
    """
    shown = "".join(_escaped(c) for c in text[: MAX_SHOWN + 1])
    if len(shown) > MAX_SHOWN:
        shown = shown[: MAX_SHOWN - 3] + "..."
    return shown


def _escaped(char):
    if unicodedata.category(char) not in _HIDDEN:
        return char
    return char.encode("unicode_escape").decode("ascii")

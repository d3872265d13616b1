# SPDX-License-Identifier: GPL-2.0-or-later
"""
Metadata lines as a file and as the tags of a VG. Pure functions.

File domains
============

The lines are in <mount>/<sdUUID>/dom_md/metadata: UTF-8, each line ended by
one LF. Trailing NUL bytes are padding. Readers split the text with
str.splitlines(), which also splits at VT, FF, FS, GS, RS, U+0085, U+2028 and
U+2029.

Block domains
=============

The lines are the tags of the VG named <sdUUID>, one line a tag, in no order:
"MDT_" and the line, in which each character outside [a-zA-Z0-9_+.\\-/=!:#] is
written as "&<code point in decimal>&":

    MDT_DESCRIPTION=my&32&data
"""

from __future__ import annotations

from vdsm_backup import errors
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

# Bytes of a file. VDSM's own metadata is below 2 KiB; unknown keys may make it
# longer. A longer file is not metadata, and reading it could take all our
# memory.
MAX_FILE = 1024**2

TAG_PREFIX = "MDT_"

# lvm2 before 2.02.108 limits a tag to 1024 characters (lvm(8), "tags").
MAX_TAG = 1024

# Characters that VDSM does not keep as they are in a tag (blockSD.py).
_TAG_UNSAFE = r"[^a-zA-Z0-9_+.\-/=!:#]"

_TAG_ESCAPE = r"&(\d+)&"


def decode_file(data: bytes, domain: str) -> list[str]:
    """
    The lines of a metadata file.

    data: all of the file. domain: its UUID, for the error.

    Raises NotMetadata if the file is not UTF-8.
    """
    try:
        return data.rstrip(b"\0").decode("utf-8").splitlines()
    except UnicodeDecodeError as e:
        reason = f"it is not UTF-8 text at byte {e.start}"
        raise errors.NotMetadata(domain, reason)


def encode_file(lines: Iterable[str]) -> bytes:
    """
    All of a metadata file that has these lines.

    Raises UnicodeEncodeError for a lone surrogate, which UTF-8 cannot have.
    """
    return b"".join(line.encode("utf-8") + b"\n" for line in lines)


def too_long(lines: Iterable[str]) -> str:
    """
    Why a file with these lines would be too long to be read again, or "".
    """
    size = sum(len(line.encode("utf-8", "replace")) + 1 for line in lines)
    if size <= MAX_FILE:
        return ""
    return f"the metadata would have {size} bytes, {MAX_FILE} fit"


def encode_tag(line: str) -> str:
    """The VG tag of a line. It may be longer than MAX_TAG."""
    # A hook that reads a file domain needs no regular expression.
    import re

    return TAG_PREFIX + re.sub(_TAG_UNSAFE, lambda m: f"&{ord(m[0])}&", line)


def decode_tags(tags: Iterable[str], domain: str) -> list[str]:
    """
    The lines in the tags of a VG. Tags that are not metadata are left out.

    domain: its UUID, for the error.

    Raises DamagedMetadata if an escape is no code point.
    """
    return [_decode(tag, domain) for tag in tags if tag.startswith(TAG_PREFIX)]


def _decode(tag: str, domain: str) -> str:
    import re

    try:
        return re.sub(
            _TAG_ESCAPE, lambda m: chr(int(m[1])), tag[len(TAG_PREFIX) :]
        )
    except (ValueError, OverflowError):
        problem = f"tag {printable(tag)} cannot be decoded"
        raise errors.DamagedMetadata(domain, problem)

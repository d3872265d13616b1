# SPDX-License-Identifier: GPL-2.0-or-later
"""Text from outside: made harmless to show, and recognized as a UUID."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

# Longest text from storage that is shown to a user.
MAX_SHOWN = 256

# Categories of characters that a terminal does not show, or that change how it
# shows others. Cc: the control characters C0, DEL and C1. Cs: lone surrogates.
# Zl and Zp: line and paragraph separator. Cf: the bidirectional controls, and
# others that are escaped with them.
_HIDDEN = {"Cc", "Cs", "Zl", "Zp", "Cf"}

# A regular expression for a UUID as oVirt writes it, in lower case.
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

# The same without one: every hook asks for UUIDs, and `re` takes long to
# import.
_LENGTHS = [8, 4, 4, 4, 12]
_DIGITS = frozenset("0123456789abcdef")
_ZEROS = "-".join("0" * length for length in _LENGTHS)

# Characters that the beginning of a UUID has at least, to stand for all of it.
SHORTEST = 8

# Names in one sentence: a host may have hundreds of mounts or devices.
_NAMED = 5


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID as oVirt writes it, in lower case."""
    if len(text) != 36:
        return False
    parts = text.split("-")
    return list(map(len, parts)) == _LENGTHS and _DIGITS.issuperset(
        "".join(parts)
    )


def begins_uuid(text: str, least: int = SHORTEST) -> bool:
    """
    Whether the text is the beginning of a UUID, and long enough to stand for
    all of it. A UUID is none. least: the characters that are enough.
    """
    if not least <= len(text) < len(_ZEROS):
        return False
    return is_uuid(text + _ZEROS[len(text) :])


def listed(texts: Iterable[str], most: int = _NAMED) -> str:
    """The texts for a sentence, each once. What is too long is cut."""
    each = list(dict.fromkeys(texts))
    shown = ", ".join(each[:most])
    left = len(each) - most
    return f"{shown} and {left} more" if left > 0 else shown


def os_reason(error: Exception) -> str:
    """
    Why a call of the system has failed, and of which file, without Python's
    "[Errno 13]". Of another exception its text.
    """
    words = getattr(error, "strerror", None)
    if not words:
        return str(error)
    name = getattr(error, "filename", None)
    return f"{name}: {words}" if isinstance(name, str) else str(words)


def printable(text: str) -> str:
    """
    Text from storage or from another program, made harmless for a terminal:
    hidden characters are escaped, and it is cut to MAX_SHOWN characters.
    """
    shown = text[: MAX_SHOWN + 1]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(map(_escaped, shown))
    if len(shown) > MAX_SHOWN:
        shown = shown[: MAX_SHOWN - 3] + "..."
    return shown


def _escaped(char: str) -> str:
    import unicodedata

    if unicodedata.category(char) not in _HIDDEN:
        return char
    return char.encode("unicode_escape").decode("ascii")

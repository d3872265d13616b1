# SPDX-License-Identifier: GPL-2.0-or-later
"""
The paths in an argument of qemu's command line. Pure.
"""

from __future__ import annotations

import re

from vdsm_backup.vm import xml_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# What ends a path in an argument of qemu, if the path has no such character
# itself: `file=/a,if=virtio`, `file:/a`, `{"filename": "/a"}`, `cat /a`.
_PIECE = re.compile(r"""[^=:,;|&"'<>(){}\[\]\s]+""")
_QUOTE = re.compile("[\"']")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")


def paths_in(text: str) -> Iterator[str]:
    """
    All that may be a path in an argument of qemu's command line, or in a
    value of its environment: the argument itself, a value of
    `key=value,key=value` in which a comma is doubled, what is behind
    `driver:`, a string of JSON, a word of a command.

    A path may have any of the characters that end it in other forms, so each
    beginning has several ends.
    """
    yield from _pieces(text)
    if "\\" in text:
        # A character beyond U+FFFF is two escapes.
        halves = _ESCAPE.sub(_unescaped, text)
        whole = halves.encode("utf-16", "surrogatepass")
        yield from _pieces(whole.decode("utf-16", "replace"))


def _pieces(text: str) -> Iterator[str]:
    # Doubled commas are one character while ends are looked for. No XML has
    # this one.
    text = text.replace(",,", "\0")
    for match in _PIECE.finditer(text):
        start, end = match.span()
        if "/" not in match[0] or _is_word(match, text):
            continue
        longest = text[start : start + xml_paths.MAX_PATH + 1]
        quote = _QUOTE.search(longest)
        ends = {
            match[0],
            longest,
            longest.partition(",")[0],
            longest[: quote.start()] if quote else longest,
        }
        for path in sorted(ends):
            yield path.replace("\0", ",")
            if "\0" in path:
                # In JSON they are two.
                yield path.replace("\0", ",,")


def _is_word(match: re.Match[str], text: str) -> bool:
    """
    Whether a piece of an argument is but a slash between blanks: that is no
    name of the root directory.
    """
    around = text[max(match.start() - 1, 0) : match.end() + 1]
    return not match[0].strip("/") and any(map(str.isspace, around))


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else match[2]

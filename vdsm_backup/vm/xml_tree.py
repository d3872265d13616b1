# SPDX-License-Identifier: GPL-2.0-or-later
"""
The XML of a VM as a tree, and the paths in it. Pure; the standard library
only.

Untrusted XML
=============

Whoever may start a VM writes this XML, so it must not cost more than its own
length allows:

- It is at most MAX_XML long.
- A document type is refused as soon as it begins. Nothing else can declare an
  entity, so no entity is ever expanded for us.
- It may be nested without limit; 500,000 levels fit into MAX_XML. Our tree has
  MAX_LEVELS levels. Of deeper elements only each <source> and each path is
  kept, and a <source> is put into the element of the last level that it is in.
  So nothing that walks through the tree, or frees it, recurses further than
  that, and the levels below cost us a counter. What the parser itself (expat)
  remembers of each open element, some 120 bytes, it gives back when read()
  returns.
- Elements side by side are kept. Each costs some 90 bytes, and 300 where it
  has an attribute, which is up to 150 MB for an XML of MAX_XML that has
  nothing but the shortest of these. That of a VM has some hundred elements.
- The paths in it are limited: MAX_PATHS in xml_paths.py.

The parser is expat by itself, with a small tree of our own. A hook is on the
way of every start of a VM, and importing xml.etree.ElementTree takes longer
(3 ms) than parsing the XML of a VM (2 ms).
"""

from __future__ import annotations

from xml.parsers import expat

from vdsm_backup.vm import xml_paths
from vdsm_backup.vm.xml_paths import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Mapping, NoReturn

# Longest text in libvirt's protocol: REMOTE_STRING_MAX in
# src/remote/remote_protocol.x
MAX_XML = 4 * 1024**2

# Below level 5 nothing but a <source> is looked for. Level 5 has the keys of a
# device in VDSM's metadata. One level more in the tree keeps the text of a key
# apart from the text of elements inside the key.
MAX_LEVELS = 6


class BadXml(ValueError):
    """XML that no VM has."""


class Element(list["str | Element"]):
    """
    An element: the list of its texts and elements, in their order.

    tag, attributes: the names in a namespace are "<URI of it> <name>".
    """

    __slots__ = ("tag", "attributes")

    def __init__(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes

    def elements(self) -> list[Element]:
        return [part for part in self if isinstance(part, Element)]

    def find(self, *tags: str) -> list[Element]:
        """The elements that this path of tags leads to, in their order."""
        found = [self]
        for tag in tags:
            found = [e for at in found for e in at.elements() if e.tag == tag]
        return found

    def called(self, name: str) -> list[Element]:
        """The elements in this one with this tag, in any namespace."""
        return [e for e in self.elements() if local(e.tag) == name]

    def descendants(self) -> Iterator[Element]:
        """All elements in this one, in the order in which they begin."""
        for element in self.elements():
            yield element
            yield from element.descendants()

    def text(self) -> str:
        """All text, with that of the elements in it: XPath's string()."""
        return "".join(
            part.text() if isinstance(part, Element) else part for part in self
        )

    def own_text(self) -> str:
        """The text without that of the elements in it."""
        return "".join(part for part in self if isinstance(part, str))


# Most elements have none. A dictionary for each of them would cost more than
# all else of an element.
_NO_ATTRIBUTES: dict[str, str] = {}


class _TreeBuilder:
    """Makes the tree of what the parser reports."""

    def __init__(self) -> None:
        # An element above the root; then all that have begun and not ended,
        # down to the last level.
        self._open = [Element("", _NO_ATTRIBUTES)]
        # How many have begun and not ended below that level.
        self._deeper = 0
        self.paths = xml_paths.Collector()

    def root(self) -> Element:
        return self._open[0].elements()[0]

    def doctype(self, *args: object) -> NoReturn:
        raise BadXml("has a document type")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        above = self._open[-1]
        element = Element(tag, attributes or _NO_ATTRIBUTES)
        self.paths.tag(self._open)
        if attributes:
            self.paths.attributes(self._open, element)
        if len(self._open) > MAX_LEVELS:
            self._deeper += 1
            if local(tag) == "source":
                above.append(element)
            return
        if len(self._open) == 1 and tag not in ("domain", "disk"):
            raise BadXml(f"describes no VM, but a {tag[:32]!a}")
        above.append(element)
        self._open.append(element)

    def end(self, tag: str) -> None:
        self.paths.tag(self._open)
        if self._deeper:
            self._deeper -= 1
            return
        if len(self._open[-1]) > 1:
            self.paths.text(self._open, self._open[-1].text())
        self._open.pop()

    def characters(self, data: str) -> None:
        self._open[-1].append(data)
        self.paths.characters(data)


def read(xml: str | bytes) -> tuple[Element, list[xml_paths.Found]]:
    """
    The root element of a document, and the paths in it. Raises BadXml.
    """
    if len(xml) > MAX_XML:
        raise BadXml(f"is longer than {MAX_XML} characters")
    builder = _TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = builder.doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    try:
        parser.Parse(xml, True)
    except BadXml:
        raise
    except (expat.ExpatError, ValueError, LookupError) as e:
        # Python's errors are about encodings: unknown ones, lone surrogates.
        # Ours is about too many paths.
        raise BadXml(f"cannot be parsed: {e}")
    return builder.root(), builder.paths.found()

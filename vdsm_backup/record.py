# SPDX-License-Identifier: GPL-2.0-or-later
"""
Records: values with named fields.

    class Need(Record):
        __slots__ = ("device", "location")

        def __init__(self, device: str, location: Location) -> None:
            self.device = device
            self.location = location

A hook is a process on the way of every start of a VM. To import `collections`
and make its namedtuples takes as long as a third of what a hook imports
otherwise, and `dataclasses` takes longer still. So what every hook loads has
these. Elsewhere a namedtuple does as well.
"""

from __future__ import annotations


class Record:
    """
    Equal to another one of its class with the same values. Nobody changes a
    record, which may be a member of a set, and no class is made of one: it
    would not know the fields of both.
    """

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or type(other) is not type(self):
            return NotImplemented
        return _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_values(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}{_values(self)}"


def _values(record: Record) -> tuple[object, ...]:
    return tuple([getattr(record, name) for name in record.__slots__])

# SPDX-License-Identifier: GPL-2.0-or-later
"""
How a list of events is read: by the SDK's functions, but only what the bridge
uses, and each event is taken before the next one is read.

Hundreds of events are read at each poll. The SDK's own reader makes objects of
all of them first, and of the VM, the template, the host, the cluster and the
data center of each: three times the CPU time, and some MB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovirtsdk4 import List, types
from ovirtsdk4.reader import Reader
from ovirtsdk4.readers import StorageDomainReader, UserReader

from vdsm_backup.bridge import answers

if TYPE_CHECKING:
    from typing import Any

# {element: how the SDK reads it}. Its attributes have these names, too.
_FIELDS = {
    "code": Reader.read_integer,
    "correlation_id": Reader.read_string,
    "storage_domain": StorageDomainReader.read_one,
    "time": Reader.read_date,
    "user": UserReader.read_one,
}


class Events(List):
    """Of entities.Event."""


def register() -> None:
    """From now on the SDK reads lists of events so, in this process."""
    Reader.register("events", _read_many)


def _read_many(cursor: Any) -> Events:
    """As readers.EventReader.read_many(). cursor: at the element."""
    found = Events()
    if _enter(cursor):
        while cursor.forward():
            found.append(_read_one(cursor))
        cursor.read()
    return found


def _read_one(cursor: Any) -> Any:
    """The same of one event. Raises ValueError."""
    event = types.Event(id=cursor.get_attribute("id"))
    if _enter(cursor):
        while cursor.forward():
            name = cursor.node_name()
            if name in _FIELDS:
                setattr(event, name, _FIELDS[name](cursor))
            else:
                cursor.next_element()
        cursor.read()
    return answers.event(event)


def _enter(cursor: Any) -> bool:
    """Go behind the start of an element; returns whether there is an end."""
    is_empty = cursor.empty_element()
    cursor.read()
    return not is_empty

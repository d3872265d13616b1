# SPDX-License-Identifier: GPL-2.0-or-later
"""Events in a list are those that the SDK itself reads."""

import io

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from ovirtsdk4 import types  # noqa: E402
from ovirtsdk4.reader import Reader  # noqa: E402
from ovirtsdk4.readers import EventReader  # noqa: E402
from ovirtsdk4.xml import XmlReader  # noqa: E402

from vdsm_backup.bridge import answers, event_reader  # noqa: E402

EVENT = """
<event href="/ovirt-engine/api/events/{index}" id="{index}">
<description>x</description><code>958</code>
<vm id="1"><user id="2"><name>of the VM</name></user><code>7</code></vm>
<correlation_id>{correlation}</correlation_id><custom_id>-1</custom_id>
<host><time>2020-01-01T00:00:00Z</time></host><cluster/>
<time>2026-11-30T14:00:00.0{index}+02:00</time>{more}
<template><storage_domain id="3"/></template>
<link href="x" rel="y"/></event>
"""
MORE = """
<storage_domain id="5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"><name>d</name>
</storage_domain><user href="u" id="4"><name>anna@internal</name></user>
"""


def xml(count):
    each = [
        EVENT.format(index=n, correlation=f"c{n}", more=MORE if n % 2 else "")
        for n in range(10, 10 + count)
    ]
    return f"<events>{''.join(each)}</events>".encode()


@pytest.mark.parametrize("count", [0, 1, 5])
def test_the_same_as_by_the_sdk(count):

    cursor = XmlReader(io.BytesIO(xml(count)))
    by_sdk = EventReader.read_many(cursor) if cursor.forward() else []
    found = answers.events(Reader.read(xml(count)))
    assert found == [answers.event(event) for event in by_sdk]
    assert len(found) == count
    if count:
        assert {e.user for e in found} <= {"", "anna@internal"}
        assert found[0].correlation == "c10" and found[0].domain == ""


@pytest.mark.parametrize("text", [b"<events/>", b"<events></events>"])
def test_no_events(text):
    assert answers.events(Reader.read(text)) == []


def test_only_what_is_used_becomes_objects(monkeypatch):
    def made(*args, **kwargs):
        raise AssertionError

    for name in ("Vm", "Host", "Cluster", "Template", "DataCenter"):
        monkeypatch.setattr(types, name, made)
    assert len(answers.events(Reader.read(xml(3)))) == 3


def test_fields_are_those_of_an_event():
    event = types.Event()
    for name in event_reader._FIELDS:
        assert hasattr(event, name)

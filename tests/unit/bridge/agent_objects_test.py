# SPDX-License-Identifier: GPL-2.0-or-later
"""The object of a change: which ones the agent takes."""

import json

import pytest

from vdsm_backup import errors
from vdsm_backup.bridge import agent

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
WANTED = {"reason": "Backup box ticked in the engine", "by": "anna@internal"}


def wanted(**more):
    return {**WANTED, **more}


OBJECTS = {
    "none": b"",
    "no JSON": b"reason",
    "no object": b"[]",
    "a text": b'"reason"',
    "two": json.dumps(WANTED).encode() * 2,
    "twice": b'{"reason": "x", "by": "a", "by": "b"}',
    "no text": b'{"reason": "\xff", "by": "a"}',
    "deep": b"[" * 4000,
    "large": json.dumps(wanted(reason="x" * 4096)).encode(),
    "no by": {"reason": "x"},
    "no reason": {"by": "a"},
    "more": wanted(replace=True),
    "a number": wanted(by=1),
    "null": wanted(reason=None),
    "empty by": wanted(by=""),
    "blank in by": wanted(by="a b"),
    "line in by": wanted(by="a\n"),
    "long by": wanted(by="a" * 81),
    "other letters in by": wanted(by="\N{LATIN SMALL LETTER A WITH ACUTE}"),
    "empty reason": wanted(reason=""),
    "blank reason": wanted(reason=" "),
    "blank before": wanted(reason=" x"),
    "blank after": wanted(reason="x "),
    "long reason": wanted(reason="x" * 201),
    "line": wanted(reason="a\nb"),
    "carriage return": wanted(reason="a\rb"),
    "tab": wanted(reason="a\tb"),
    "escape": wanted(reason="a\x1b[31m"),
    "delete": wanted(reason="a\x7f"),
    "C1": wanted(reason="a\x9b"),
    "NUL": wanted(reason="a\0"),
    "bidi": wanted(reason="a\u202eb"),
    "isolate": wanted(reason="a\u2066b"),
    "zero width": wanted(reason="a\u200bb"),
    "line separator": wanted(reason="a\u2028b"),
    "no-break space": wanted(reason="a\xa0b"),
    "surrogate": wanted(reason="a\ud800b"),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_no_other_object(name):
    data = OBJECTS[name]
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    with pytest.raises(errors.BridgeRequest) as caught:
        agent.with_object(agent.parse(f"set {SD}"), data, "engine1")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "more",
    [
        {"by": r"AD\anna@ad.example.com@engine"},
        {"by": "a" * 80},
        {"reason": "--by=root@engine"},
        {"reason": "x" * 200},
        {"reason": "\N{SNOWMAN} \N{LATIN SMALL LETTER A WITH ACUTE} $(id)"},
    ],
)
def test_objects(more):
    data = json.dumps(wanted(**more)).encode()
    found = agent.with_object(agent.parse(f"set {SD}"), data, "engine1")
    expected = wanted(**more)
    assert found.reason == expected["reason"]
    assert found.by == f"{expected['by']} via bridge engine1"
    assert f"--reason={found.reason}" in found.arguments()

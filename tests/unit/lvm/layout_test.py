# SPDX-License-Identifier: GPL-2.0-or-later
import json

import pytest

from vdsm_backup.lvm import layout

MIB = 1024**2


def report(kind, fields, *rows):
    names = fields.split(",")
    rows = [dict(zip(names, map(str, row))) for row in rows]
    return json.dumps({"report": [{kind: rows}]})


PVS = report(
    "pv",
    layout.PV_FIELDS,
    ("/dev/mapper/a", "A", 129 * MIB, 60, 128 * MIB, 9, 99, 8192 * MIB),
    ("/dev/mapper/b", "B", 129 * MIB, 60, 128 * MIB, 9, 99, 8192 * MIB),
)


def lvs(*segments):
    rows = [("x", "-wi-------", 1, "", *segment) for segment in segments]
    return report("seg", layout.LV_FIELDS, *rows)


def places(*segments):
    found = layout.Layout(layout.pvs(PVS), layout.lvs(lvs(*segments)))
    return found.parts("x")


def test_an_lv_of_several_parts():
    assert places(
        ("linear", 256 * MIB, 128 * MIB, "/dev/mapper/b(3)"),
        ("linear", 0, 256 * MIB, "/dev/mapper/a(0)"),
    ) == [
        ("/dev/mapper/a", 129 * MIB, 256 * MIB),
        ("/dev/mapper/b", (129 + 3 * 128) * MIB, 128 * MIB),
    ]


@pytest.mark.parametrize(
    "kind, devices",
    [
        ("linear", "[unknown](4)"),
        ("striped", "/dev/mapper/a(0),/dev/mapper/b(0)"),
        ("thin", ""),
        ("linear", "/dev/mapper/c(0)"),
    ],
)
def test_an_lv_that_is_not_plain(kind, devices):
    assert places((kind, 0, 128 * MIB, devices)) is None


@pytest.mark.parametrize("text", ["", "{}", PVS.replace("60", "x")])
def test_no_report(text):
    with pytest.raises(ValueError):
        layout.pvs(text)

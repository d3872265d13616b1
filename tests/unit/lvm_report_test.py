# SPDX-License-Identifier: GPL-2.0-or-later
import json

import pytest

from vdsm_backup import lvm_report

ROW = {
    "pv_name": "/dev/mapper/a",
    "pv_uuid": "PV-A",
    "pv_duplicate": "",
    "pv_missing": "",
    "pv_mda_used_count": "2",
    "vg_name": "sd1",
    "vg_uuid": "VG-1",
    "vg_attr": "wz--n-",
    "vg_tags": "MDT_A=1,RHAT_storage_domain",
    "vg_systemid": "",
    "vg_lock_type": "",
}
SECOND = {
    **ROW,
    "pv_name": "/dev/mapper/b",
    "pv_uuid": "PV-B",
    "pv_mda_used_count": "0",
}
# As lvm 2.03.16 shows a replica: no tags, and attributes of nothing.
DUPLICATE = {
    **ROW,
    "pv_name": "/dev/mapper/c",
    "pv_duplicate": "duplicate",
    "pv_mda_used_count": "0",
    "vg_attr": "r-----",
    "vg_tags": "",
}
# No PV, and a PV that belongs to no VG.
EMPTY = {**dict.fromkeys(ROW, ""), "pv_name": "/dev/mapper/d"}


def report(*rows):
    return lvm_report.pvs(json.dumps({"report": [{"pv": rows}]}))


def parse(*rows):
    return report(*rows).vgs


def test_vg_of_two_pvs():
    (vg,) = parse(ROW, SECOND)
    assert (vg.name, vg.uuid) == ("sd1", "VG-1")
    assert vg.tags == ("MDT_A=1", "RHAT_storage_domain")
    assert vg.devices == ["/dev/mapper/a", "/dev/mapper/b"]
    assert vg.metadata_pv.uuid == "PV-A"
    assert vg.is_domain
    assert not vg.hazard() and not vg.ambiguity()
    assert vg.place == "VG sd1 on /dev/mapper/a, /dev/mapper/b"


def test_all_devices_of_the_report_are_listed():
    assert report(ROW, DUPLICATE, EMPTY).listed == [
        "/dev/mapper/a",
        "/dev/mapper/c",
        "/dev/mapper/d",
    ]


def test_pv_whose_vg_is_not_found():
    orphan = {**EMPTY, "vg_name": "[unknown]"}
    assert report(ROW, orphan).orphans == ["/dev/mapper/d"]
    assert report(ROW, EMPTY).orphans == []


def test_words_between_the_lines_of_a_report():
    text = json.dumps({"report": [{"pv": [ROW]}]}, indent=2)
    lines = text.splitlines()
    for i in range(len(lines) + 1):
        noisy = [*lines[:i], "  Retrying metadata scan.", *lines[i:]]
        assert lvm_report.pvs("\n".join(noisy)) == lvm_report.pvs(text)


def test_report_of_newer_lvm():
    """With a log, after a comma on a line of its own (2.03.31)."""
    text = (
        '  {\n      "report": [\n          {\n              "pv": [\n'
        f"                  {json.dumps(ROW)}\n              ]\n          }}\n"
        '      ]\n      ,\n      "log": [\n      ]\n  }\n'
    )
    assert lvm_report.pvs(text).vgs == parse(ROW)


def test_duplicate_belongs_to_the_vg_by_its_pv_uuid():
    lost = {**DUPLICATE, "vg_name": "", "vg_uuid": ""}
    for duplicate in (DUPLICATE, lost):
        (vg,) = parse(duplicate, ROW, SECOND)
        assert vg.duplicates == ("/dev/mapper/c",)
        assert vg.tags == ("MDT_A=1", "RHAT_storage_domain")
        assert "/dev/mapper/a" in vg.ambiguity()
        assert "/dev/mapper/c" in vg.ambiguity()
        assert "/dev/mapper/c" in vg.place


def test_duplicate_of_another_vg_does_not_matter():
    other = {**ROW, "pv_uuid": "PV-X", "vg_name": "sd2", "vg_uuid": "VG-2"}
    vgs = parse(ROW, other, {**DUPLICATE, "pv_uuid": "PV-X"})
    assert [vg.duplicates for vg in vgs] == [(), ("/dev/mapper/c",)]


def test_two_vgs_of_one_name_stay_two():
    vgs = parse(ROW, {**SECOND, "vg_uuid": "VG-2"})
    assert [vg.uuid for vg in vgs] == ["VG-1", "VG-2"]


def test_devices_without_a_vg_are_no_vg():
    assert parse(EMPTY, {**EMPTY, "vg_name": "[unknown]"}) == []


def test_missing_pv_is_no_device():
    gone = {**SECOND, "pv_name": "[unknown]", "pv_missing": "missing"}
    (vg,) = parse(ROW, gone)
    assert vg.devices == ["/dev/mapper/a"]
    assert "PV-B" in vg.hazard()


@pytest.mark.parametrize(
    "change,words",
    [
        ({"vg_attr": "wzx-n-"}, "exported"),
        ({"vg_attr": "wz-pn-"}, "partial"),
        ({"vg_attr": "rz--n-"}, "read-only"),
        ({"vg_systemid": "other"}, "foreign"),
        ({"vg_lock_type": "sanlock"}, "lvmlockd"),
    ],
)
def test_hazards(change, words):
    (vg,) = parse({**ROW, **change})
    assert words in vg.hazard()


def test_unready_domain_is_no_domain():
    (vg,) = parse({**ROW, "vg_tags": "RHAT_storage_domain_UNREADY"})
    assert not vg.is_domain


def test_no_tags():
    (vg,) = parse({**ROW, "vg_tags": ""})
    assert vg.tags == ()


@pytest.mark.parametrize("counts", [("0", "0"), ("2", "2")])
def test_metadata_pv_is_never_guessed(counts):
    rows = [
        {**row, "pv_mda_used_count": count}
        for row, count in zip((ROW, SECOND), counts)
    ]
    (vg,) = parse(*rows)
    assert vg.metadata_pv is None


def test_open_lvs():
    rows = [
        {"lv_name": "active", "lv_attr": "-wi-a-----"},
        {"lv_name": "open", "lv_attr": "-wi-ao----"},
        {"lv_name": "activation-off", "lv_attr": "-wi-XX----"},
    ]
    lvs = lvm_report.lvs(json.dumps({"report": [{"lv": rows}]}))
    assert [lv.name for lv in lvs if lv.open] == ["open"]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"report": [{}]}', '{"report": [{"pv": [{}]}]}']
)
def test_other_output_is_no_report(text):
    with pytest.raises(ValueError):
        lvm_report.pvs(text)

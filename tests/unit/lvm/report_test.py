# SPDX-License-Identifier: GPL-2.0-or-later
import json

import pytest

from vdsm_backup.lvm import report as lvm_report
from vdsm_backup.lvm.scan import vg_of

ROW = {
    "pv_name": "/dev/mapper/a",
    "pv_uuid": "PV-A",
    "pv_duplicate": "",
    "pv_missing": "",
    "pv_mda_count": "2",
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
    "pv_mda_count": "2",
    "pv_mda_used_count": "0",
}
# As lvm 2.03.16 shows a replica: no tags, and attributes of nothing.
DUPLICATE = {
    **ROW,
    "pv_name": "/dev/mapper/c",
    "pv_duplicate": "duplicate",
    "pv_mda_count": "2",
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
    assert vg.found_at == "VG sd1 on /dev/mapper/a, /dev/mapper/b"


def test_all_devices_of_the_report_are_listed():
    assert report(ROW, DUPLICATE, EMPTY).listed == [
        "/dev/mapper/a",
        "/dev/mapper/c",
        "/dev/mapper/d",
    ]


def test_pv_whose_vg_is_not_found():
    orphan = {**EMPTY, "vg_name": "[unknown]"}
    assert report(ROW, orphan).orphans == ["/dev/mapper/d"]
    assert report(ROW, orphan).without_areas == []
    assert report(ROW, EMPTY).orphans == []


@pytest.mark.parametrize("count, found", [("0", True), ("2", False)])
def test_orphan_that_vdsm_has_not_made(count, found):
    more = {"vg_name": "[unknown]", "pv_mda_count": count}
    orphan = {**EMPTY, **more}
    expected = [EMPTY["pv_name"]] if found else []
    assert report(ROW, orphan).without_areas == expected
    assert report(ROW, orphan).orphans == [EMPTY["pv_name"]]


def test_devices_that_are_no_pv():
    orphan = {**EMPTY, "vg_name": "[unknown]"}
    unused = {**EMPTY, "pv_name": "/dev/mapper/e", "pv_uuid": "PV-E"}
    found = report(ROW, DUPLICATE, orphan, unused, EMPTY)
    assert found.no_pv == ["/dev/mapper/d"]
    assert report(ROW, orphan, unused).no_pv == []


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
        assert {pv.others for pv in vg.pvs} == {(), vg.duplicates}
        assert vg_of(json.loads(json.dumps(vg.describe()))) == vg
        assert vg.tags == ("MDT_A=1", "RHAT_storage_domain")
        assert "/dev/mapper/a" in vg.ambiguity()
        assert "/dev/mapper/c" in vg.ambiguity()
        assert "/dev/mapper/c" in vg.found_at


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


def test_missing_pv_has_one_name():
    """Another one where lvm.conf says so: two_word_unknown_device."""
    names = ("[unknown]", "unknown device")
    gone = [{**SECOND, "pv_name": n, "pv_missing": "missing"} for n in names]
    assert parse(ROW, gone[0]) == parse(ROW, gone[1])


def test_no_pv_at_all():
    assert report() == lvm_report.Report([], [], [], [], [])


# Never less than asked for: "no such domain" would be wrong.


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"report": []}',
        '{"report": [{}]}',
        '{"report": [{"lv": []}]}',
        '{"report": [{"pv": {}}, {"pv": []}]}',
        '{"report": [{"pv": [{}]}]}',
        '{"report": [{"pv": [[]]}]}',
        '{"report": [{"pv": [',
        '{"log": []}',
    ],
)
def test_other_output_is_no_report(text):
    with pytest.raises(ValueError):
        lvm_report.pvs(text)


@pytest.mark.parametrize("field", ROW)
def test_a_row_without_a_field_is_no_report(field):
    row = {key: value for key, value in SECOND.items() if key != field}
    with pytest.raises(ValueError, match=field):
        report(ROW, row)


@pytest.mark.parametrize(
    "change",
    [
        # Names of values by numbers: report/binary_values_as_numeric.
        {"pv_duplicate": "0"},
        {"pv_duplicate": "1"},
        {"pv_missing": "0"},
        {"pv_missing": "unknown"},
        # Other types: --reportformat json_std.
        {"pv_mda_used_count": 2},
        {"vg_tags": ["MDT_A=1"]},
        {"pv_duplicate": None},
        {"pv_mda_used_count": "many"},
        # Nothing where there must be something.
        {"pv_name": ""},
        {"pv_uuid": ""},
        {"vg_uuid": ""},
    ],
)
def test_a_row_is_never_guessed(change):
    with pytest.raises(ValueError):
        report(ROW, {**SECOND, **change})


def test_a_duplicate_without_its_pv_is_no_report():
    with pytest.raises(ValueError, match="/dev/mapper/c"):
        report({**DUPLICATE, "pv_uuid": "PV-X"}, ROW)
    with pytest.raises(ValueError, match="pv_uuid"):
        report({**DUPLICATE, "pv_uuid": ""}, ROW)


@pytest.mark.parametrize(
    "text", ['{"report": []}', '{"report": [{"lv": [{"lv_name": "x"}]}]}']
)
def test_other_output_is_no_report_of_lvs(text):
    with pytest.raises(ValueError):
        lvm_report.lvs(text)


# Devices that lvm leaves out

READ = "Error reading device /dev/a at 0 length 512."


@pytest.mark.parametrize(
    "text,words",
    [
        ("Cannot use /dev/a: device is partitioned", ""),
        ("Cannot use /dev/a: device is an md component", ""),
        ("Cannot use /dev/a: device has a signature", ""),
        (
            "Cannot use /dev/a: device is not in a usable state",
            "Cannot use /dev/a: device is not in a usable state",
        ),
        (READ, READ),
        # lvm takes it for a component because it cannot read it.
        (f"{READ}\n  Cannot use /dev/a: device is an md component", READ),
        (f"Cannot use /dev/a: device has a signature\n  {READ}", READ),
        ("/dev/a: open failed: No such device", None),
        ('Failed to find physical volume "/dev/a".', None),
    ],
)
def test_left_out(text, words):
    found = lvm_report.left_out(f"  WARNING: something.\n  {text}\n")
    if words is None:
        assert found.get("/dev/a", text) == text
    else:
        assert found == {"/dev/a": words}


def test_rejected():
    """Those that were read, and are no PV to lvm."""
    text = "\n".join(
        [
            "  Cannot use /dev/a: device is partitioned",
            "  Cannot use /dev/b: device is an md component.",
            "  Cannot use /dev/c: device not found",
            f"  {READ.replace('/dev/a', '/dev/d')}",
            "  Cannot use /dev/d: device has a signature",
        ]
    )
    assert lvm_report.rejected(text) == {"/dev/a": "device is partitioned"}
    assert lvm_report.left_out(text)["/dev/b"]

# SPDX-License-Identifier: GPL-2.0-or-later
"""metrics: what it measures, and what it cannot read."""

import os
import re

import pytest

from tests.support import commandline
from tests.support.hooks.vmxml import VM
from tests.support.metric_parts import POINTS
from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from vdsm_backup.cli import measurements, readings
from vdsm_backup.doctor import checks
from vdsm_backup.guard import policy
from vdsm_backup.host import journalctl
from vdsm_backup.host.journal_entries import Entry
from vdsm_backup.metadata import lines as md_lines

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
FLAG = {
    "BACKUP": "True",
    "BACKUP_BY": "admin@host1",
    "BACKUP_REASON": "nightly",
    "BACKUP_SINCE": "2026-11-22T11:40:00Z",
}
# date -d 2026-11-22T11:40:00Z +%s
SINCE = 1795347600

pytest_plugins = ["tests.support.metric_parts"]


def entry(**fields):
    return Entry(1.0, "text", 4, "host1", 0, fields)


def values(text):
    """{series: value} of Prometheus' text."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            assert series not in found
            found[series] = int(value)
    return found


def of_domain(family, sd_id, name, **more):
    labels = {"domain": sd_id, "name": name, "kind": "file", **more}
    return (
        f"{family}{{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}"
    )


def test_domains(host, parts):
    host.domain(sd_id=A, name="back ups", **FLAG)
    host.domain(sd_id=B, name="data1")
    done = host.run("metrics")
    assert (done.code, done.err) == (0, "")
    found = values(done.out)
    assert found[of_domain(measurements.FLAGGED, A, "back ups")] == 1
    assert found[of_domain(measurements.FLAGGED, B, "data1")] == 0
    assert found[of_domain(measurements.SINCE, A, "back ups")] == SINCE
    place = os.path.join(host.mount, B)
    unread = of_domain(measurements.UNREADABLE, B, "data1", place=place)
    assert found[unread] == 0
    assert found['vdsm_backup_part_unreadable{part="domains"}'] == 0


def test_a_domain_that_cannot_be_read_says_so(host, parts):
    host.domain(sd_id=A)
    host.domain(sd_id=B, name="maybe", BACKUP="maybe")
    filedomain.put_bytes(host.mount, A, b"")
    done = host.run("metrics")
    assert done.code == 3
    assert f"note: {host.mount}/{A}: " in done.err
    found = values(done.out)
    for sd_id, name in ((A, ""), (B, "maybe")):
        place = os.path.join(host.mount, sd_id)
        unread = of_domain(measurements.UNREADABLE, sd_id, name, place=place)
        assert found[unread] == 1
    assert found['vdsm_backup_part_unreadable{part="domains"}'] == 1
    assert not [x for x in found if x.startswith(measurements.FLAGGED)]


def test_a_place_that_cannot_be_searched_is_named_once(host, parts):
    path = os.path.join(host.repo, "mnt", "broken")
    os.symlink("x" * 300, path)
    (note,) = [x for x in host.run("metrics").err.splitlines() if path in x]
    assert note.count(path) == 1


def test_a_domain_in_two_places_is_one_series(host, parts):
    host.domain(sd_id=A, name="one")
    mount = host.add_mount("another:_data")
    host.domain(sd_id=A, name="one", mount=mount, BACKUP="True")
    found = values(host.run("metrics").out)
    assert found[of_domain(measurements.FLAGGED, A, "one")] == 1
    unread = [x for x in found if x.startswith(measurements.UNREADABLE)]
    assert len(unread) == 2


@pytest.mark.parametrize("flags", [("True", None), (None, "True")], ids=str)
def test_it_is_flagged_if_it_is_in_any_place(flags):
    """Whichever answers first."""
    answers = [reading(number, BACKUP=x) for number, x in enumerate(flags)]
    (sample,) = [
        x
        for x in measurements.of_domains(answers)
        if x.family == measurements.FLAGGED
    ]
    assert sample.value == 1


def reading(number, **more):
    md_values = filedomain.metadata(A, **more)
    storage = MemoryStorage(A, md_lines.flush(md_values), f"place{number}")
    return readings.read(storage)


@pytest.mark.parametrize("since", ["", "yesterday", "2026-13-22T11:40:00Z"])
def test_a_time_that_is_none_has_no_sample(host, parts, since):
    host.domain(sd_id=A, **{**FLAG, "BACKUP_SINCE": since})
    assert measurements.SINCE not in host.run("metrics").out


def test_mode(host, parts):
    host.configure(mode="permissive")
    found = values(host.run("metrics").out)
    for mode in policy.MODES:
        name = f'vdsm_backup_guard_mode{{mode="{mode}"}}'
        assert found[name] == int(mode == "permissive")


def test_hooks_and_plugin(host, parts):
    states = [checks.OK, checks.NOTE, checks.BAD, checks.OK, checks.UNKNOWN]
    parts.hooks = [checks.Finding("hook", x, "why") for x in states]
    parts.plugin = checks.Finding("plugin", checks.BAD, "without it")
    done = host.run("metrics")
    assert done.code == 3
    assert done.err == "note: hook: why\n"
    found = values(done.out)
    installed = {
        re.search('"(.*)"', x)[1]: value
        for x, value in found.items()
        if x.startswith(measurements.HOOK)
    }
    assert installed == dict(zip(POINTS, [1, 1, 0, 1]))
    assert found["vdsm_backup_plugin_loaded"] == 0
    assert found['vdsm_backup_part_unreadable{part="hooks"}'] == 1
    assert found['vdsm_backup_part_unreadable{part="plugin"}'] == 0


def test_a_plugin_that_nobody_knows_of(host, parts):
    parts.plugin = checks.Finding("plugin", checks.UNKNOWN, "VDSM is down")
    done = host.run("metrics")
    assert (done.code, done.err) == (3, "note: plugin: VDSM is down\n")
    found = values(done.out)
    assert "vdsm_backup_plugin_loaded" not in found
    assert found['vdsm_backup_part_unreadable{part="plugin"}'] == 1


def test_refusals_and_violations(host, parts):
    refused = {"answer": "refused", "code": "994", "vm_id": VM}
    allowed = {"answer": "allowed", "code": "994"}
    parts.journal = journalctl.Reading(
        [
            entry(operation="run", **refused),
            entry(operation="run", **refused),
            entry(operation="hotplug", **refused),
            entry(operation="recover", **allowed),
            entry(operation="run", **allowed),
            entry(operation="run", answer="allowed"),
            entry(operation='of "another" version\n', **refused),
            entry(action="set", result="done"),
        ],
        1.0,
        [],
    )
    done = host.run("metrics")
    assert done.code == 0
    found = values(done.out)
    counted = {x: n for x, n in found.items() if n and "operation" in x}
    assert counted == {
        'vdsm_backup_refusals{operation="run"}': 2,
        'vdsm_backup_refusals{operation="hotplug"}': 1,
        'vdsm_backup_refusals{operation="of \\"another\\" version\\\\n"}': 1,
        'vdsm_backup_violations{operation="recover"}': 1,
        'vdsm_backup_violations{operation="run"}': 1,
    }
    # All others are there, too: what is absent cannot be watched.
    for row in policy.TABLE:
        name = f'vdsm_backup_refusals{{operation="{row.operation}"}}'
        assert (name in found) == (row.answer == policy.REFUSED)
        name = f'vdsm_backup_violations{{operation="{row.operation}"}}'
        assert (name in found) == (row.answer != policy.ALLOWED)
    uids, since = parts.asked
    assert uids == {0, os.getuid()}
    now = found["vdsm_backup_last_run_seconds"]
    assert 0 <= now + 1 - (since + measurements.WINDOW) <= 2


def test_a_journal_that_cannot_be_read(host, parts):
    """No number then: 0 would be one that nobody has counted."""
    parts.journal = journalctl.Reading([entry()], None, ["no journal"])
    done = host.run("metrics")
    assert (done.code, done.err) == (3, "note: no journal\n")
    found = values(done.out)
    assert not [x for x in found if "operation" in x]
    assert found['vdsm_backup_part_unreadable{part="journal"}'] == 1


def test_names_are_harmless(host, parts):
    host.domain(sd_id=A, name='a"b\\c\x1b[2J\u202e')
    found = values(host.run("metrics").out)
    name = r"a\"b\\c\\x1b[2J\\u202e"
    assert found[of_domain(measurements.FLAGGED, A, name)] == 0


def test_all_families_are_described(host, parts):
    host.domain(sd_id=A, **FLAG)
    out = host.run("metrics").out
    for name in measurements.FAMILIES:
        assert f"# HELP {name} " in out
        assert f"# TYPE {name} gauge\n" in out
    assert out.endswith("\n")


def test_collectd(host, parts, monkeypatch):
    monkeypatch.setenv("COLLECTD_HOSTNAME", "host1.example.com")
    monkeypatch.setenv("COLLECTD_INTERVAL", "10.000")
    host.domain(sd_id=A, name="back ups", **FLAG)
    done = host.run("metrics", "--collectd")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    put = 'PUTVAL "host1.example.com/vdsm_backup'
    end = '" interval=10.000 N:'
    assert f"{put}-{A}/gauge-flagged{end}1" in lines
    assert f"{put}-{A}/gauge-unreadable{end}0" in lines
    assert f"{put}-{A}/gauge-flag_since_seconds{end}{SINCE}" in lines
    assert f"{put}/gauge-places_unreadable{end}0" in lines
    assert f"{put}/gauge-refusals-run{end}0" in lines
    assert f"{put}/gauge-guard_mode-enforcing{end}1" in lines
    assert f"{put}/gauge-hook_installed-qemu.d{end}1" in lines
    names = [line.split('"')[1] for line in lines]
    assert len(set(names)) == len(names)
    assert all(len(name) < 128 for name in names)


def test_json(host, parts):
    host.domain(sd_id=A, name="one")
    parts.journal = journalctl.Reading([], None, ["no journal"])
    done = host.json("metrics")
    assert done.code == 3
    assert set(done.json) == {"schema", "samples", "notes"}
    assert done.json["notes"] == ["no journal"]
    labels = {"domain": A, "name": "one", "kind": "file"}
    sample = {"name": measurements.FLAGGED, "labels": labels, "value": 0}
    assert sample in done.json["samples"]
    for sample in done.json["samples"]:
        assert set(sample) == commandline.SAMPLE

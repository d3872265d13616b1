# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import shutil
import subprocess

import pytest

from vdsm_backup import errors
from vdsm_backup.bridge import shapes, status
from vdsm_backup.bridge.host_hooks import HostHooks
from vdsm_backup.bridge.rows import Row

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
NOW = 1_796_002_400.0


def made(**more):
    fields = {
        "time": NOW,
        "looked": NOW - 7,
        "answers": True,
        "problem": "",
        "domains": (
            Row(B, "vms", "Default", False, "never", 1, "nothing", "", None),
            Row(
                A,
                'back"ups\n',
                "Default",
                True,
                shapes.OFF,
                5,
                "nothing",
                "it was cleared",
                NOW - 60,
            ),
        ),
        "hosts": (
            HostHooks("h1", "host1", "ok", ()),
            HostHooks("h2", "host2", "missing", ("before_vm_start",)),
        ),
        **more,
    }
    return status.Status(**fields)


def test_written_and_read(tmp_path):
    status.write(str(tmp_path), made())
    found = status.read(str(tmp_path))
    assert found == status.to_json(made())
    first, second = found["domains"]
    assert (first["id"], second["id"]) == (A, B)
    assert first == {
        "id": A,
        "name": 'back"ups\n',
        "data_center": "Default",
        "box": True,
        "flag": "off",
        "differs_since": "2026-11-30T01:32:20Z",
        "why": "it was cleared",
        "row": 5,
        "act": "nothing",
    }
    assert (second["differs_since"], second["why"]) == (None, None)
    assert found["hosts"][1] == {
        "id": "h2",
        "name": "host2",
        "hook": "missing",
        "event_names": ["before_vm_start"],
    }
    assert os.stat(tmp_path / status.NAME).st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "{}",
        '{"schema": 2}',
        '{"schema": 1, "time": "2026-11-30T01:33:20Z"}',
        '{"schema": 1, "time": 1, "domains": [], "hosts": [],'
        ' "engine": {"answers": true, "why": ""}}',
        '{"schema": 1, "time": "x", "domains": {"a": 1}, "hosts": [],'
        ' "engine": {"answers": true, "why": ""}}',
    ],
)
def test_no_status(tmp_path, text):
    if text is not None:
        (tmp_path / status.NAME).write_text(text)
    with pytest.raises(errors.BridgeNotRun):
        status.read(str(tmp_path))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_no_file(tmp_path, make):
    """Of the service's user, whom root must not wait for."""
    make(tmp_path / status.NAME)
    with pytest.raises(errors.BridgeNotRun, match="not a regular file"):
        status.read(str(tmp_path))


def test_directory_is_gone(tmp_path):
    with pytest.raises(errors.BridgeState, match="No such file"):
        status.write(str(tmp_path / "none"), made())


@pytest.mark.parametrize(
    "later, stale", [(0, False), (800, False), (1000, True)]
)
def test_stale(later, stale):
    found = status.to_json(made())
    assert status.is_stale(found, NOW + later) is stale


def test_text():
    lines = status.text(status.to_json(made())).splitlines()
    assert lines == [
        "NAME        DATA CENTER  BOX  FLAG   SINCE                 WHY",
        'back"ups\\n  Default      on   off    2026-11-30T01:32:20Z'
        "  it was cleared",
        "vms         Default      off  never  -                     -",
        "host host2: hooks missing: before_vm_start",
        "As of 2026-11-30T01:33:20Z",
    ]


def test_text_of_a_problem():
    """Its own words say whether the engine answers."""
    why = "error 9683: The engine refuses the bridge: URL: locked"
    found = status.to_json(made(answers=False, problem=why))
    assert found["engine"] == {"answers": False, "why": why}
    assert status.text(found).splitlines()[-3:] == [
        why,
        "What is above may have been seen before that.",
        "As of 2026-11-30T01:33:20Z",
    ]


def test_metrics():
    text = status.metrics(made())
    assert (
        f'vdsm_backup_drift{{domain="{A}",name="back\\"ups\\\\n"}} 1\n' in text
    )
    assert f'vdsm_backup_drift{{domain="{B}",name="vms"}} 0\n' in text
    assert "vdsm_backup_bridge_engine_up 1\n" in text
    looked = f"vdsm_backup_bridge_last_run_seconds {int(NOW - 7)}\n"
    assert looked in text
    assert 'vdsm_backup_bridge_hook{host="host2",state="missing"} 1' in text
    if shutil.which("promtool"):
        done = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr


def test_metrics_without_an_engine():
    gone = made(
        answers=False, looked=None, problem="gone", domains=(), hosts=()
    )
    text = status.metrics(gone)
    assert "vdsm_backup_bridge_engine_up 0\n" in text
    assert "last_run" not in text
    assert json.dumps(text)


@pytest.mark.parametrize(
    "box, flag, drift",
    [
        (None, shapes.OFF, None),
        (None, shapes.ON, 1),
        (False, shapes.UNKNOWN, None),
        (True, shapes.UNKNOWN, 1),
    ],
)
def test_drift_where_one_of_them_is_not_known(box, flag, drift):
    since = NOW - 60 if box else None
    row = Row(B, "vms", "Default", box, flag, 0, "nothing", "", since)
    text = status.metrics(made(domains=(row,)))
    sample = f'vdsm_backup_drift{{domain="{B}",name="vms"}}'
    assert (f"{sample} {drift}\n" in text) == (drift is not None)
    assert (sample in text) == (drift is not None)

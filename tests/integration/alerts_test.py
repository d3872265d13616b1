# SPDX-License-Identifier: GPL-2.0-or-later
"""
The alerts that we ship, fed by what `metrics` says of a host: the names and
labels of one fit the expressions of the other.
"""

import json
import os
import re
import subprocess

from tests import ROOT
from tests.support.clifixtures import A, B
from tests.support.hooks.needs import needs_command
from tests.support.storage import filedomain
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = ["tests.support.clifixtures"]
pytestmark = needs_command("promtool")

RULES = os.path.join(ROOT, "contrib/prometheus/vdsm-backup-alerts.yml")

# How often the timer measures, and how often it did in each state.
MINUTES = 5
TIMES = 12
CHANGE = MINUTES * TIMES


def series(text):
    """{series of a host that promtool calls host1: value}"""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(
                r"(\w+)(?:\{(.*)\})? (\S+)", line
            ).groups()
            labels = ",".join(filter(None, ['instance="host1"', labels]))
            # It takes no exponents.
            found[f"{name}{{{labels}}}"] = f"{float(value):f}"
    return found


def fire(directory, before, after, expected):
    """
    Whether promtool sees what is expected, once the host has said `before`
    for an hour, and `after` for another one: a CompletedProcess.

    expected: {alert: (minute, {label: value}, {annotation: text})}, each of
    them once, at this minute, and none a moment before `after`.
    """
    states = series(before), series(after)
    inputs = []
    for name in {**states[0], **states[1]}:
        values = [[state.get(name, "_")] * TIMES for state in states]
        inputs.append({"series": name, "values": " ".join(sum(values, []))})
    tests = []
    for alert, (minute, labels, annotations) in expected.items():
        fired = {"exp_labels": labels, "exp_annotations": annotations}
        for time, alerts in ((CHANGE - 1, []), (minute, [fired])):
            tests.append(
                {
                    "eval_time": f"{time}m",
                    "alertname": alert,
                    "exp_alerts": alerts,
                }
            )
    test = {
        "interval": f"{MINUTES}m",
        "input_series": inputs,
        "alert_rule_test": tests,
    }
    path = os.path.join(directory, "test.yml")
    # YAML has all of JSON.
    with open(path, "w") as f:
        json.dump({"rule_files": [RULES], "tests": [test]}, f)
    return subprocess.run(
        ["promtool", "test", "rules", path], capture_output=True, text=True
    )


def test_a_flag_that_is_gone_and_a_domain_that_is_damaged(host, directory):
    host.domain(sd_id=A, name='back "ups"', BACKUP="True")
    host.domain(sd_id=B, name="two", BACKUP="True")
    before = host.process("metrics").out
    # By somebody who does not use the command.
    values = {**host.values(A), "BACKUP": "False"}
    filedomain.put(host.mount, A, md_lines.flush(values))
    data = host.bytes(B).replace(b"BACKUP=True", b"BACKUP=False")
    filedomain.put_bytes(host.mount, B, data)
    after = host.process("metrics").out

    place = os.path.join(host.mount, B)
    show = f"vdsm-backup-domain show {A}"
    expected = {
        # At once, since there is no innocent cause.
        "VdsmBackupFlagGone": (
            CHANGE + MINUTES,
            {"severity": "critical", "domain": A},
            {
                "summary": f"Storage domain {A} is no longer a backup domain",
                "action": f"{show}; vdsm-backup-domain history {A}",
            },
        ),
        "VdsmBackupUnreadable": (
            CHANGE + 20,
            {
                "severity": "warning",
                "instance": "host1",
                "domain": B,
                "name": "two",
                "kind": "file",
                "place": place,
            },
            {
                "summary": f"host1 cannot read whether {place} is flagged;"
                " VMs that need it are refused",
                "action": "vdsm-backup-domain list on that host",
            },
        ),
    }
    done = fire(directory, before, after, expected)
    assert done.returncode == 0, done.stdout + done.stderr
    # It is the change that fires, and not what is expected of it.
    for same in (before, after):
        assert fire(directory, same, same, expected).returncode != 0

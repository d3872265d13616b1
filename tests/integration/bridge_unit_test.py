# SPDX-License-Identifier: GPL-2.0-or-later
"""The unit of the bridge and its user: right, and as closed as it can be."""

import os
import subprocess

import pytest

from tests import ROOT
from tests.support.hooks.needs import needs_command

NAME = "vdsm-backup-domain-bridge.service"
UNIT = os.path.join(ROOT, "contrib", "systemd", NAME)
SYSUSERS = os.path.join(ROOT, "contrib", "sysusers.d")

# Tenths; docs/bridge.md has a reason for each.
SCORE = 11

pytestmark = needs_command("systemd-analyze")


@pytest.fixture
def unit(tmp_path):
    """With a program that is on this machine."""
    with open(UNIT) as f:
        text = f.read()
    path = tmp_path / NAME
    path.write_text(
        text.replace("/usr/bin/vdsm-backup-domain-bridge", "/bin/true")
    )
    return path


def analyze(*args):
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *args],
        capture_output=True,
        text=True,
    )


def test_systemd_understands_it(unit):
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stderr) == (0, "")


def test_exposure(unit):
    done = analyze(
        "security", "--offline=true", f"--threshold={SCORE}", str(unit)
    )
    assert done.returncode == 0, done.stdout
    with open(os.path.join(ROOT, "docs", "bridge.md")) as f:
        page = f.read()
    left = [x.split()[1] for x in done.stdout.splitlines() if x[:1] == "✗"]
    assert left
    for setting in left:
        name = setting.partition("=")[0]
        assert f"| `{name}" in page, f"no reason for {setting}"


@needs_command("systemd-sysusers")
def test_user(tmp_path):
    (tmp_path / "etc").mkdir()
    name = os.path.join(SYSUSERS, "vdsm-backup-bridge.conf")
    done = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", name],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [
        line.split(":")
        for line in (tmp_path / "etc" / "passwd").read_text().splitlines()
        if line.startswith("vdsm-backup-bridge:")
    ]
    assert int(line[2]) < 1000
    assert line[6].endswith("nologin")

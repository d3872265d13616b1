# SPDX-License-Identifier: GPL-2.0-or-later
"""The units of metrics: right, and enough for what the command needs."""

import configparser
import os
import shutil
import subprocess

import pytest

from tests import ROOT
from tests.support.clifixtures import A
from tests.support.hooks.needs import needs_command, needs_other_user
from tests.support.metrics import OTHER, families
from tests.support.storage.blocktools import needs_block

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.clifixtures",
    "tests.support.metrics",
]

UNITS = os.path.join(ROOT, "contrib", "systemd")
NAME = "vdsm-backup-domain-metrics"
SERVICE = os.path.join(UNITS, f"{NAME}.service")
TIMER = os.path.join(UNITS, f"{NAME}.timer")


def setting(name):
    # The same key more than once is no error for systemd.
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(SERVICE)
    return unit["Service"][name]


@needs_other_user
@needs_block
@needs_command("setpriv")
@needs_command("strace")
def test_the_service_may_what_it_needs(measured_host, directory, block_domain):
    """
    It writes where neither root nor user vdsm is the owner, reads as user
    vdsm, and runs lvm.
    """
    measured_host.configure(
        devices=", ".join(block_domain.devices), lv_dir=block_domain.lv_dir
    )
    names = setting("CapabilityBoundingSet").split()
    shown = ["+" + name[len("CAP_") :].lower() for name in names]
    into = os.path.join(directory, "collector")
    os.mkdir(into, 0o700)
    os.chown(into, OTHER, OTHER)
    log = os.path.join(directory, "calls")
    inside = ["strace", "-f", "-c", "-S", "name", "-o", log]
    inside += ["setpriv", "--bounding-set", ",".join(["-all", *shown])]
    inside += ["--no-new-privs", "--"]
    output = os.path.join(into, "ours.prom")
    done = measured_host.process("metrics", "--output", output, inside=inside)
    # 3: this machine need not have all that a host has.
    assert done.code in (0, int(setting("SuccessExitStatus")))
    require_all(output)
    with open(log) as f:
        rows = [line.split() for line in f.read().splitlines()[2:-2]]
    used = {row[-1] for row in rows}
    assert len(used) > 30
    # setpriv itself is not the service's.
    assert used - allowed() <= {"capset", "prctl"}


def allowed(group=None):
    """The system calls of the unit's filter."""
    group = group or setting("SystemCallFilter")
    done = subprocess.run(
        ["systemd-analyze", "syscall-filter", group],
        capture_output=True,
        text=True,
        check=True,
    )
    found = set()
    for line in done.stdout.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            found |= allowed(name)
        elif name and not name.startswith("#"):
            found.add(name)
    return found


@needs_command("systemd-analyze")
@pytest.mark.parametrize("kind", ["service", "timer"])
def test_systemd_has_nothing_to_say_of_the_units(directory, kind):
    """Its exit code does not tell."""
    for each in ("service", "timer"):
        name = f"vdsm-backup-domain-metrics.{each}"
        with open(os.path.join(UNITS, name)) as f:
            text = f.read()
        # The command need not be installed here.
        text = text.replace(
            "/usr/bin/vdsm-backup-domain", shutil.which("true")
        )
        with open(os.path.join(directory, name), "w") as f:
            f.write(text)
    command = ["systemd-analyze", "verify"]
    name = f"vdsm-backup-domain-metrics.{kind}"
    env = {**os.environ, "SYSTEMD_UNIT_PATH": f"{directory}:"}
    # It looks for the page that the unit names.
    pages = os.path.join(directory, "man", "man8")
    os.makedirs(pages)
    shutil.copy(os.path.join(ROOT, "contrib/man/vdsm-backup-domain.8"), pages)
    env["MANPATH"] = os.path.dirname(pages)

    def verify():
        done = subprocess.run(
            [*command, name], env=env, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    assert verify() == (0, "")
    with open(os.path.join(directory, name), "a") as f:
        f.write("[Service]\nFoo=1\n" if kind == "service" else "Foo=1\n")
    assert "Foo" in verify()[1]


def test_the_timer_starts_the_service():
    with open(SERVICE) as f:
        text = f.read()
    assert "\nExecStart=/usr/bin/vdsm-backup-domain metrics --output" in text
    # systemd starts the service of the same name.
    with open(TIMER) as f:
        assert "Unit=" not in f.read()


def require_all(path):
    with open(path) as f:
        found = families(f.read())
    flagged = found["vdsm_backup_domain_flagged"]
    assert flagged[A, "back ups", "file"] == 1
    assert "block" in [kind for _, _, kind in flagged]
    assert found["vdsm_backup_part_unreadable"]["domains",] == 0

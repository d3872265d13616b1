# SPDX-License-Identifier: GPL-2.0-or-later
"""How lvm reads on this host; with the real lvm: lvm_conf_test.py."""

import pytest

from vdsm_backup import config
from vdsm_backup.doctor import checks, lvm_io

pytest_plugins = ["tests.support.storage.fakelvm"]


@pytest.fixture
def found(host, fake):
    """What is found where lvm says this."""

    def find(*says, devices="/dev/mapper/a"):
        fake.says(*says)
        host.configure(devices=devices)
        return list(lvm_io.check(config.load(host.config)))

    return find


@pytest.mark.parametrize(
    "says, words",
    [
        ("echo use_aio=1", "(use_aio = 1)"),
        ("echo use_aio=0", "(use_aio = 0)"),
        ("echo use_aio=7", "not known"),
        ("echo 'Configuration node not found.' >&2; exit 5", "not known"),
    ],
)
def test_what_is_configured(found, says, words):
    """Whatever it is, it is not bad."""
    (finding,) = found(says)
    assert finding.state == checks.NOTE
    assert finding.text.endswith(words)


def test_no_lvm(found, fake, monkeypatch):
    monkeypatch.setattr(lvm_io.lvm_command, "LVM", "/nonexistent")
    (finding,) = found("")
    assert finding.text.endswith("not known")


def test_a_host_without_devices(found, fake, monkeypatch):
    monkeypatch.setattr(lvm_io.devices, "multipath", lambda: [])
    assert found("echo use_aio=1", devices="") == []
    assert fake.runs == []


def test_no_device_is_read(found, fake):
    found("echo use_aio=1")
    (run,) = fake.runs
    assert run[:3] == ["config", "--devices", "/dev/null"]

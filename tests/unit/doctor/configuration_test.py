# SPDX-License-Identifier: GPL-2.0-or-later
"""What the configuration lifts, and whether the hooks can read it."""

import os

import pytest

from tests.support import configfile, rundir, testhost
from tests.support.hooks.needs import needs_other_user
from vdsm_backup import config
from vdsm_backup.doctor import checks, installed


@pytest.mark.parametrize(
    "options, state, words",
    [
        ({}, checks.OK, "enforcing"),
        ({"mode": "permissive"}, checks.BAD, "permissive"),
        ({"mode": "disabled"}, checks.BAD, "disabled"),
        # Not an option any more: it lifts nothing.
        ({"allow": "run"}, checks.OK, "enforcing"),
        (
            {"on_unreadable": "allow"},
            checks.NOTE,
            "on_unreadable = allow",
        ),
    ],
)
def test_guard(host, options, state, words):
    host.configure(**options)
    (found,) = installed.guard(config.load(host.config))
    assert found.state == state
    assert words in found.text
    assert state == checks.OK or host.config in found.hint


def test_guard_names_the_file_with_the_value(host, tmp_path):
    os.mkdir(host.drop_ins)
    path = f"{host.drop_ins}/b.conf"
    configfile.write(f"{host.drop_ins}/a.conf", settle=1)
    configfile.write(path, on_unreadable="allow")
    (found,) = installed.guard(config.load(host.config))
    assert found.hint == f"see {path}"
    configfile.write(path, mode="disabled")
    (found,) = installed.guard(config.load(host.config))
    assert found.hint == f"set it in {path}"


@pytest.mark.parametrize(
    "old, option, instead",
    [
        ({"allow": "run, everything"}, "[guard] allow", "permit"),
        ({"config_method": "filter"}, "[lvm] config_method", "nothing"),
    ],
)
def test_option_that_was_removed_is_a_note(host, old, option, instead):
    """An error would refuse every VM of a host that has it still."""
    host.configure(**old)
    fine, removed = installed.configuration(host.config)
    assert (fine.state, removed.state) == (
        checks.OK,
        checks.NOTE,
    )
    assert option in removed.text
    assert host.config in removed.hint and instead in removed.hint


def test_configuration_that_the_hooks_can_read(host):
    (found,) = installed.configuration(host.config)
    assert (found.state, host.config in found.text) == (checks.OK, True)


@needs_other_user
def test_configuration_that_the_hooks_cannot_read():
    """Root reads all; the hooks are vdsm, and refuse every VM."""
    directory = rundir.make("doctor")
    options = {"user": 36, "group": 36}
    with testhost.Host(os.path.join(directory, "host"), **options) as host:
        drop_ins = host.drop_ins
        os.mkdir(drop_ins, 0o700)
        told = host.process("--json", "doctor").json["checks"]
        (found,) = [c for c in told if c["name"] == "configuration"]
        assert found["state"] == checks.BAD
        assert f"Configuration {drop_ins}, file: Perm" in found["text"]
        os.chmod(drop_ins, 0o755)
        told = host.process("--json", "doctor").json["checks"]
        (found,) = [c for c in told if c["name"] == "configuration"]
        assert found["state"] == checks.OK
    rundir.remove(directory)

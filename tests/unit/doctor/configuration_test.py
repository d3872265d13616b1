# SPDX-License-Identifier: GPL-2.0-or-later
"""What the configuration lifts, and whether the hooks can read it."""

import os

import pytest

from tests.support import configfile, rundir, testhost
from tests.support.hooks.needs import needs_other_user
from vdsm_backup import config, errors
from vdsm_backup.doctor import checks, settings


@pytest.mark.parametrize(
    "options, state, words",
    [
        ({}, checks.OK, "enforcing"),
        ({"mode": "permissive"}, checks.BAD, "permissive"),
        ({"mode": "disabled"}, checks.BAD, "disabled"),
        # Not an option any more: it lifts nothing.
        ({"guard_allow": "run"}, checks.OK, "enforcing"),
        (
            {"on_unreadable": "allow"},
            checks.NOTE,
            "on_unreadable is allow",
        ),
    ],
)
def test_guard(host, options, state, words):
    host.configure(**options)
    (found,) = settings.guard(config.load(host.config))
    assert found.state == state
    assert words in found.text
    assert state == checks.OK or host.config in found.hint


def test_guard_names_the_file_with_the_value(host, tmp_path):
    os.mkdir(host.drop_ins)
    path = f"{host.drop_ins}/b.conf"
    configfile.write(f"{host.drop_ins}/a.conf", settle=1)
    configfile.write(path, on_unreadable="allow")
    (found,) = settings.guard(config.load(host.config))
    assert found.hint == f"on_unreadable = refuse in {path}"
    configfile.write(path, mode="disabled")
    (found,) = settings.guard(config.load(host.config))
    assert found.hint == f"mode = enforcing in {path}"


@pytest.mark.parametrize(
    "old, option, instead",
    [
        ({"guard_allow": "run, everything"}, "[guard] allow", "permit"),
        ({"config_method": "filter"}, "[lvm] config_method", "nothing"),
    ],
)
def test_option_that_was_removed_is_a_note(host, old, option, instead):
    """An error would refuse every VM of a host that has it still."""
    host.configure(**old)
    fine, removed = settings.configuration(host.config)
    assert (fine.state, removed.state) == (
        checks.OK,
        checks.NOTE,
    )
    assert option in removed.text
    assert host.config in removed.hint and instead in removed.hint


def test_configuration_that_the_hooks_can_read(host):
    (found,) = settings.configuration(host.config)
    assert (found.state, host.config in found.text) == (checks.OK, True)


def test_configuration_of_which_this_user_cannot_tell(host):
    host.configure(user=os.getuid() + 1, guard_allow="run")
    unknown, removed = settings.configuration(host.config)
    assert unknown.state == checks.UNKNOWN
    assert "cannot tell" in unknown.text
    assert unknown.hint == checks.AS_ROOT
    assert removed.state == checks.NOTE


def test_files_that_set_an_option_are_named(host):
    os.mkdir(host.drop_ins)
    path = configfile.write(f"{host.drop_ins}/a.conf", settle=1)
    configfile.write(f"{host.drop_ins}/b.conf")
    (found,) = settings.configuration(host.config)
    assert found.text == f"{host.config}, {path}"


def test_a_host_without_configuration(host, monkeypatch):
    with open(host.config, "w"):
        pass
    monkeypatch.setattr(config, "OVIRT_IDS", {"vdsm": os.geteuid(), "kvm": 0})
    (found,) = settings.configuration(host.config)
    assert found.state == checks.OK
    assert found.text == "no file sets an option"


@pytest.mark.parametrize(
    "uid, state, words",
    [
        (0, "bad", "each hook refuses all VMs"),
        # It is who runs VDSM's hooks. libvirt's is root's.
        (36, "bad", "each hook of VDSM refuses all VMs"),
        (1000, "unknown", ""),
    ],
)
def test_configuration_that_this_process_cannot_read(
    monkeypatch, tmp_path, uid, state, words
):
    """To another user than root or vdsm that is no news of the hooks."""
    monkeypatch.setattr(config, "PATH", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: uid)
    error = errors.ConfigInvalid("/x", "file", "Permission denied")
    found = settings.unusable(error, None)
    assert (found.state, found.text.startswith(words)) == (state, True)
    error = errors.ConfigInvalid("/x", "[gard]", "is unknown")
    found = settings.unusable(error, None)
    assert found.state == checks.BAD
    assert found.text.startswith("each hook refuses all VMs: ")


NAMED = "hooks that use this configuration refuse all VMs"


def test_a_configuration_that_was_named():
    """Those of this host use another one."""
    error = errors.ConfigInvalid("/x", "[gard]", "is unknown")
    assert settings.unusable(error, "/x").text.startswith(f"{NAMED}: ")
    (found,) = settings.configuration("/nonexistent/x")
    assert f"cannot use it, so {NAMED}: " in found.text


@pytest.mark.parametrize(
    "options, words",
    [
        ({"mode": "maybe"}, NAMED),
        ({"host_id": "x"}, NAMED),
        ({"bridge_allow": "shwo"}, "no hook reads this"),
        ({"domains": "x"}, "no hook reads this"),
        ({"tls": "maybe"}, "no hook reads this"),
        ({"dir": "x"}, "no hook reads this"),
    ],
)
def test_who_is_harmed(host, options, words):
    host.configure(**options)
    told = host.process("--json", "doctor").json["checks"]
    (found,) = [c for c in told if c["name"] == "configuration"]
    assert found["state"] == checks.BAD
    assert words in found["text"] and host.config in found["text"]


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
        assert f"Configuration {drop_ins}: Perm" in found["text"]
        # And beside what no hook reads.
        host.configure(bridge_allow="shwo")
        told = host.process("--json", "doctor").json["checks"]
        texts = [c["text"] for c in told if c["name"] == "configuration"]
        assert "no hook reads this" in texts[0]
        assert texts[1].startswith("user 36 cannot use it, so hooks that use")
        host.configure(bridge_allow=None)
        os.chmod(drop_ins, 0o755)
        told = host.process("--json", "doctor").json["checks"]
        (found,) = [c for c in told if c["name"] == "configuration"]
        assert found["state"] == checks.OK
    rundir.remove(directory)

# SPDX-License-Identifier: GPL-2.0-or-later
import os
import sys
import sysconfig

import pytest

from tests import ROOT
from tests.support import commandline, configfile, rundir, testhost
from tests.support.hooks import permitfile
from tests.support.hooks.needs import needs_other_user
from vdsm_backup import config, errors
from vdsm_backup.doctor import checks as doctor_checks
from vdsm_backup.hooks import entry
from vdsm_backup.host import devices, vdsm_client
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.users import users


@pytest.fixture
def options(host):
    return config.load(host.config)


def states(findings):
    return [found.state for found in findings]


# Hooks


@pytest.fixture
def directories(tmp_path):
    for point in [f"vdsm/{p}" for p in doctor_checks.POINTS] + [
        "libvirt/qemu.d"
    ]:
        os.makedirs(tmp_path / point)
        path = tmp_path / point / doctor_checks.HOOK
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


def check_hooks(directories):
    return list(
        doctor_checks.hooks(
            str(directories / "vdsm"), str(directories / "libvirt")
        )
    )


def test_the_points_are_those_of_our_scripts():
    scripts = os.path.join(ROOT, "hooks")
    assert sorted([*doctor_checks.POINTS, "qemu.d"]) == sorted(
        os.listdir(scripts)
    )
    for point in os.listdir(scripts):
        assert os.listdir(os.path.join(scripts, point)) == [doctor_checks.HOOK]
    assert set(doctor_checks.POINTS) == set(entry._VDSM_OPERATIONS)


def test_hooks_in_place(directories):
    assert states(check_hooks(directories)) == [doctor_checks.OK] * 5


@pytest.mark.parametrize("what", ["missing", "not executable"])
def test_a_hook_that_would_not_run(directories, what):
    path = directories / "vdsm" / "before_vm_start" / doctor_checks.HOOK
    if what == "missing":
        path.unlink()
    else:
        path.chmod(0o644)
    if what == "not executable" and os.access(path, os.X_OK):
        pytest.skip("this user may run what is not executable")
    found = check_hooks(directories)
    assert states(found) == [doctor_checks.BAD, *[doctor_checks.OK] * 4]
    assert str(path) in found[0].text
    assert found[0].hint == "make install-hooks"


def test_no_hooks_at_all(tmp_path):
    assert states(check_hooks(tmp_path)) == [doctor_checks.BAD] * 5


def test_a_hook_that_runs_after_ours(directories):
    (directories / "vdsm" / "before_vm_start" / "99_w").write_text("")
    found = check_hooks(directories)
    assert found[0].state == doctor_checks.NOTE
    assert "99_w" in found[0].text


# The rest of this host


def test_the_package_of_another_python(tmp_path):
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    for python in (str(fake), str(tmp_path / "none")):
        (found,) = doctor_checks.package(python)
        assert found.state == doctor_checks.BAD
        assert python in found.text


def test_the_package_of_this_python():
    (found,) = doctor_checks.package(sys.executable)
    assert found.state == doctor_checks.OK, found


@pytest.mark.parametrize(
    "options, state, words",
    [
        ({}, doctor_checks.OK, "enforcing"),
        ({"mode": "permissive"}, doctor_checks.BAD, "permissive"),
        ({"mode": "disabled"}, doctor_checks.BAD, "disabled"),
        # Not an option any more: it lifts nothing.
        ({"allow": "run"}, doctor_checks.OK, "enforcing"),
        (
            {"on_unreadable": "allow"},
            doctor_checks.NOTE,
            "on_unreadable = allow",
        ),
    ],
)
def test_guard(host, options, state, words):
    host.configure(**options)
    (found,) = doctor_checks.guard(config.load(host.config))
    assert found.state == state
    assert words in found.text
    assert state == doctor_checks.OK or host.config in found.hint


def test_guard_names_the_file_with_the_value(host, tmp_path):
    os.mkdir(host.drop_ins)
    path = f"{host.drop_ins}/b.conf"
    configfile.write(f"{host.drop_ins}/a.conf", settle=1)
    configfile.write(path, on_unreadable="allow")
    (found,) = doctor_checks.guard(config.load(host.config))
    assert found.hint == f"see {path}"
    configfile.write(path, mode="disabled")
    (found,) = doctor_checks.guard(config.load(host.config))
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
    fine, removed = doctor_checks.configuration(host.config)
    assert (fine.state, removed.state) == (
        doctor_checks.OK,
        doctor_checks.NOTE,
    )
    assert option in removed.text
    assert host.config in removed.hint and instead in removed.hint


def test_configuration_that_the_hooks_can_read(host):
    (found,) = doctor_checks.configuration(host.config)
    assert (found.state, host.config in found.text) == (doctor_checks.OK, True)


@needs_other_user
def test_configuration_that_the_hooks_cannot_read():
    """Root reads all; the hooks are vdsm, and refuse every VM."""
    directory = rundir.make("doctor")
    options = {"user": 36, "group": 36}
    with testhost.Host(os.path.join(directory, "host"), **options) as host:
        drop_ins = host.drop_ins
        os.mkdir(drop_ins, 0o700)
        checks = host.process("--json", "doctor").json["checks"]
        (found,) = [c for c in checks if c["name"] == "configuration"]
        assert found["state"] == doctor_checks.BAD
        assert f"Configuration {drop_ins}, file: Perm" in found["text"]
        os.chmod(drop_ins, 0o755)
        checks = host.process("--json", "doctor").json["checks"]
        (found,) = [c for c in checks if c["name"] == "configuration"]
        assert found["state"] == doctor_checks.OK
    rundir.remove(directory)


class Vdsm:
    """In place of vdsm_client.Vdsm."""

    answer = None

    def __init__(self, *args):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def has_plugin(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "answer, state",
    [
        (True, doctor_checks.OK),
        (False, doctor_checks.BAD),
        (vdsm_client.Unreachable("refused"), doctor_checks.NOTE),
        (vdsm_client.Unanswered("late"), doctor_checks.NOTE),
    ],
)
def test_plugin(options, monkeypatch, answer, state):
    monkeypatch.setattr(vdsm_client, "Vdsm", Vdsm)
    monkeypatch.setattr(Vdsm, "answer", answer)
    assert states(doctor_checks.plugin(options)) == [state]


def test_no_vdsm_to_fit_into(monkeypatch):
    # What the child is given to import from: the standard library alone.
    stdlib = sysconfig.get_path("stdlib")
    here = [
        path
        for path in sys.path
        if path.startswith(stdlib) and "packages" not in path
    ]
    monkeypatch.setattr(sys, "path", [*here, ROOT])
    (found,) = doctor_checks.plugin_fits()
    assert found.state == doctor_checks.NOTE
    assert "No module named 'vdsm'" in found.text


def test_sanlock_and_journal(tmp_path):
    there = tmp_path / "socket"
    there.write_text("")
    assert states(doctor_checks.journald(str(there))) == [doctor_checks.OK]
    assert states(doctor_checks.journald(str(tmp_path / "none"))) == [
        doctor_checks.NOTE
    ]
    assert states(doctor_checks.sanlock(str(tmp_path / "none"))) == [
        doctor_checks.BAD
    ]
    if doctor_checks.importlib.util.find_spec("sanlock"):
        assert states(doctor_checks.sanlock(str(there))) == [doctor_checks.OK]


@pytest.mark.parametrize(
    "script, state, words",
    [
        (None, "BAD", "does not run"),
        # As 2.03.11 says it.
        (
            "case $* in *--devices*)"
            " echo \"pvs: unrecognized option '--devices'\" >&2; exit 3; esac",
            "BAD",
            "unrecognized option '--devices'",
        ),
        ("exit 0", "OK", "limited to 0 devices"),
    ],
)
def test_lvm(options, monkeypatch, tmp_path, script, state, words):
    lvm = tmp_path / "lvm"
    if script:
        lvm.write_text(f"#!/bin/sh\n{script}\n")
        lvm.chmod(0o755)
    options.lvm_devices = []
    monkeypatch.setattr(devices, "multipath", lambda *args: [])
    monkeypatch.setattr(doctor_checks.lvm_command, "LVM", str(lvm))
    found = list(doctor_checks.storage_tools(options))[1]
    assert found.state == getattr(doctor_checks, state)
    assert words in found.text


@pytest.mark.skipif(
    not os.path.exists(lvm_command.LVM), reason=f"no {lvm_command.LVM}"
)
def test_the_lvm_of_this_host(options):
    found = list(doctor_checks.storage_tools(options))[1]
    assert found.state == doctor_checks.OK


def test_a_command_that_does_not_end(monkeypatch):
    monkeypatch.setattr(doctor_checks, "_TIMEOUT", 0.1)
    assert doctor_checks._run(["/bin/sleep", "60"]) is None


class Storage:
    sd_id = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


def test_uses_that_break_the_rule():
    """Not an image that is open: that may be a transfer."""
    blocking = ["VM web1 (disk vda)", "LV vol1 is open on this host"]
    used = users.Users(blocking, ["image x is open"], ["note"])
    found = list(
        doctor_checks.violations([Storage(), Storage()], lambda s: used)
    )
    assert states(found) == [doctor_checks.BAD] * 4
    assert [f.text for f in found[:2]] == [
        f"flagged domain {Storage.sd_id}: VM web1 (disk vda)",
        f"flagged domain {Storage.sd_id}: LV vol1 is open on this host",
    ]


def test_no_vm_breaks_the_rule():
    nobody = users.Users([], ["image x is open"], [])
    found = doctor_checks.violations([Storage()], lambda s: nobody)
    assert states(found) == [doctor_checks.OK]
    assert states(doctor_checks.violations([], None)) == [doctor_checks.OK]


def test_vms_that_cannot_be_looked_for():
    def fail(storage):
        raise errors.DomainNotFound("x")

    found = list(doctor_checks.violations([Storage()], fail))
    assert found[0].state == doctor_checks.NOTE


# The command


@pytest.fixture
def healthy(monkeypatch):
    def fine(*args):
        yield doctor_checks.Finding("anything", doctor_checks.OK, "fine")

    for name in ("package", "hooks", "plugin", "sudo", "sanlock", "journald"):
        monkeypatch.setattr(doctor_checks, name, fine)


def test_a_protected_host(host, healthy):
    done = host.json("doctor")
    assert done.code == 0
    assert done.json["protected"] is True
    assert "every host" in done.json["notes"][0]
    for check in done.json["checks"]:
        assert set(check) == commandline.CHECK
    assert "ok    guard: " in host.run("doctor").out


def test_a_vm_on_a_flagged_domain(host, healthy):
    host.domain(5, BACKUP="True")
    host.users = users.Users(["VM web1 (disk vda)"])
    done = host.json("doctor")
    assert done.code == 1
    assert done.json["protected"] is False
    assert done.json["checks"][-1]["state"] == doctor_checks.BAD
    out = host.run("doctor").out
    (line,) = [line for line in out.splitlines() if "bad   VMs" in line]
    assert line.endswith(": VM web1 (disk vda)")
    assert line.startswith("bad   VMs: flagged domain ")
    assert "      hint: move its disks elsewhere" in out


def test_vms_on_other_domains_are_not_looked_for(host, healthy):
    host.domain(5)
    host.domain(5, BACKUP="False")
    host.users = users.Users(["VM web1 (disk vda)"])
    assert host.json("doctor").code == 0


@pytest.mark.parametrize("role", ["Master", "Regular"])
def test_a_flagged_master_is_a_note(host, healthy, role):
    pool = "8f3c1b3e-9d0c-4a0e-9b5e-3f1c2d4e5f60"
    sd_id = host.domain(5, BACKUP="True", ROLE=role, POOL_UUID=pool)
    done = host.json("doctor")
    assert done.code == 0
    found = [c for c in done.json["checks"] if "master domain" in c["text"]]
    told = [(c["name"], c["state"]) for c in found]
    expected = [(f"domain {sd_id}", doctor_checks.NOTE)]
    assert told == (expected if role == "Master" else [])


def test_permits_are_among_the_checks(host, healthy):
    os.makedirs(host.permits)
    vm_id = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
    permitfile.write(host.permits, vm_id, b"")
    done = host.json("doctor")
    (found,) = [c for c in done.json["checks"] if c["name"] == "permits"]
    assert (done.code, found["state"]) == (0, doctor_checks.NOTE)
    assert found["hint"].endswith(f"permit --vm {vm_id} --revoke")


def test_only_the_plugin(host):
    done = host.json("doctor", "--vdsm")
    assert {check["name"] for check in done.json["checks"]} == {"vdsm"}

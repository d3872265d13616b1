# SPDX-License-Identifier: GPL-2.0-or-later
"""
Lvm with a script in place of lvm; what lvm itself does is in
tests/integration/block_test.py.
"""

import pytest

from tests.support.storage.fakelvm import DEVICES, REPORT, make_vg
from vdsm_backup import errors
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.lvm.scan import Scan
from vdsm_backup.lvm.vgs import Lvm

pytest_plugins = ["tests.support.storage.fakelvm"]

# Limits


def test_lvm_is_limited_to_the_devices():
    args = lvm_command.limits(["/dev/mapper/a", "/dev/mapper/b"])
    assert args[:3] == ["--devices", "/dev/mapper/a,/dev/mapper/b", "--config"]
    assert len(args) == 4


def test_no_devices_is_never_no_limit():
    with pytest.raises(ValueError):
        lvm_command.limits([])


def test_no_devices_runs_no_lvm(fake):
    runner = Lvm([])
    assert runner.scan() == Scan([], {})
    for look in (runner.find_to_read, runner.find_to_change):
        with pytest.raises(errors.DomainNotFound):
            look("sd1")
    assert fake.runs == []


def test_an_lvm_that_is_too_old_says_so(fake):
    """Before 2.03.12 lvm does not know --devices."""
    fake.says("echo \"lvm: unrecognized option '$2'\" >&2", "exit 3")
    with pytest.raises(errors.LvmFailed) as e:
        Lvm(DEVICES).scan()
    assert e.value.rc == 3
    assert e.value.err == "lvm: unrecognized option '--devices'"
    assert [run[0] for run in fake.runs] == ["pvs"]


def test_every_command_is_limited(fake):
    runner = Lvm(DEVICES)
    vg = make_vg()
    runner.scan()
    runner.change_tags(vg, ["A"], ["B"])
    runner.activate(vg, ["ids"])
    runner.deactivate(vg, ["ids"])
    runner.cfgbackup(vg, "/x")
    with pytest.raises(errors.LvmFailed):  # It is no report of LVs.
        runner.lvs(vg)
    assert [run[0] for run in fake.runs] == [
        "pvs",
        "vgchange",
        "lvchange",
        "lvchange",
        "vgcfgbackup",
        "lvs",
    ]
    for run in fake.runs:
        assert run[1:3] == ["--devices", "/dev/mapper/a"]
        # What the host's lvm.conf must not decide; see lvm_conf_test.py.
        assert run[3] == "--config" and "compact_output=0" in run[4]


def test_changes_are_limited_to_the_vg(fake):
    runner = Lvm(["/dev/mapper/z", *DEVICES])
    runner.change_tags(make_vg(), ["A"], [])
    assert fake.runs[0][2] == "/dev/mapper/a"


# Commands


def test_only_a_vg_that_still_has_a_tag(fake):
    runner = Lvm(DEVICES)
    runner.change_tags(make_vg(), ["A"], [], only_with=["MDT__SHA_CKSUM=ab"])
    (run,) = fake.runs
    tags = 'vg_tags={"MDT__SHA_CKSUM=ab"}'
    assert run[7:9] == ["--select", f"vg_missing_pv_count=0 && {tags}"]


def test_only_a_vg_that_still_has_all_of_some_tags(fake):
    runner = Lvm(DEVICES)
    runner.change_tags(make_vg(), ["A"], [], only_with=["B=1", "B=2"])
    (run,) = fake.runs
    tags = 'vg_tags={"B=1" && "B=2"}'
    assert run[7:9] == ["--select", f"vg_missing_pv_count=0 && {tags}"]


def test_all_tags_in_one_vgchange(fake):
    runner = Lvm(DEVICES)
    runner.change_tags(make_vg(), ["MDT_B=2", "MDT_A=2"], ["MDT_A=1"])
    (run,) = fake.runs
    assert run[5:] == [
        "--autobackup",
        "n",
        "--select",
        "vg_missing_pv_count=0",
        "--deltag",
        "MDT_A=1",
        "--addtag",
        "MDT_A=2",
        "--addtag",
        "MDT_B=2",
        "--",
        "sd1",
    ]


def test_activation(fake):
    Lvm(DEVICES).activate(make_vg(), ["ids", "leases"])
    (run,) = fake.runs
    assert run[7:] == ["--activate", "y", "--", "sd1/ids", "sd1/leases"]


# Errors


def test_lvms_own_words_are_kept(fake):
    fake.says(
        "echo '  WARNING: something else' >&2",
        "printf '  Cannot \\033[31mdo it.\\n  And more.\\n' >&2",
        "exit 5",
    )
    with pytest.raises(errors.LvmFailed) as e:
        Lvm(DEVICES).scan()
    assert e.value.fields() == {
        "command": "pvs",
        "rc": 5,
        "err": "Cannot \\x1b[31mdo it.; And more.",
    }


def test_warnings_are_better_than_nothing(fake):
    fake.says("echo '  WARNING: this is all' >&2", "exit 5")
    with pytest.raises(errors.LvmFailed, match="WARNING: this is all"):
        Lvm(DEVICES).scan()


def test_killed_lvm(fake):
    fake.says("kill -9 $$")
    with pytest.raises(errors.LvmFailed, match="killed by signal 9"):
        Lvm(DEVICES).scan()


def test_output_that_is_no_report(fake):
    fake.says("echo nonsense")
    with pytest.raises(errors.LvmFailed):
        Lvm(DEVICES).scan()


def test_no_lvm_installed(fake):
    fake.path.unlink()
    with pytest.raises(errors.LvmFailed, match="No such file"):
        Lvm(DEVICES).scan()


def test_environment_of_lvm(fake, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LVM_SYSTEM_DIR", "/x")
    monkeypatch.setenv("SECRET", "x")
    fake.says("env >&2; exit 1")
    with pytest.raises(errors.LvmFailed) as e:
        Lvm(DEVICES).scan()
    assert "LC_ALL=C" in str(e.value)
    assert "LVM_SYSTEM_DIR=/x" in str(e.value)
    assert "SECRET" not in str(e.value)


# Devices that the report leaves out

LEFT_OUT = {
    "/dev/mapper/b": "Error reading device /dev/mapper/b at 0 length 512.",
    "/dev/mapper/c": "Cannot use /dev/mapper/c: device not found",
    "/dev/mapper/d": "/dev/mapper/d: open failed: No such device or address",
}


def leaves_out(fake, *words):
    lines = [f"echo '  {line}' >&2" for line in words]
    report = f"echo '{REPORT}'; exit 0"
    fake.says(f'case "$*" in *--reportformat*) {report};; esac', *lines)


def test_devices_that_cannot_be_used_are_told(fake):
    leaves_out(fake, *LEFT_OUT.values())
    runner = Lvm([*DEVICES, *LEFT_OUT])
    unread = runner.scan().unread
    assert {name: e.err for name, e in unread.items()} == LEFT_OUT
    assert runner.scan().no_pv == []
    assert runner.find_to_read("sd1").name == "sd1"


@pytest.mark.parametrize("device", LEFT_OUT)
def test_a_domain_may_be_on_a_device_that_cannot_be_used(fake, device):
    leaves_out(fake, LEFT_OUT[device])
    for look in ("find_to_read", "find_to_change"):
        runner = Lvm([*DEVICES, device])
        with pytest.raises(errors.LvmFailed) as e:
            getattr(runner, look)("another")
        assert e.value.err == LEFT_OUT[device]


@pytest.mark.parametrize(
    "words",
    [
        "Cannot use /dev/mapper/b: device is rejected by filter config",
        "Cannot use /dev/mapper/b: device is too small (pv_min_size)",
        "Cannot use /dev/mapper/b: device is not in a usable state",
        "Cannot use /dev/mapper/b: device is a multipath component",
        "Cannot use /dev/mapper/b: of a reason that is new",
        'Failed to find physical volume "/dev/mapper/b".',
        "",
    ],
)
def test_a_device_that_lvm_left_out_was_not_read(fake, words):
    leaves_out(fake, words)
    runner = Lvm([*DEVICES, "/dev/mapper/b"])
    scan = runner.scan()
    assert [vg.name for vg in scan.vgs] == ["sd1"]
    assert list(scan.unread) == ["/dev/mapper/b"]
    with pytest.raises(errors.LvmFailed, match="/dev/mapper/b"):
        runner.find_to_read("another")


def test_devices_that_lvm_does_not_look_at_are_no_failure(fake):
    leaves_out(
        fake,
        "/dev/mapper/control: open failed: No such device",
        "Cannot use /dev/mapper/b: device is partitioned",
        'Failed to find physical volume "/dev/mapper/b".',
    )
    scan = Lvm([*DEVICES, "/dev/mapper/b"]).scan()
    assert (scan.unread, scan.no_pv) == ({}, ["/dev/mapper/b"])
    assert scan.rejected == {"/dev/mapper/b": "device is partitioned"}

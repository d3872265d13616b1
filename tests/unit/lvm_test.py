# SPDX-License-Identifier: GPL-2.0-or-later
"""
lvm.py and lvm_command.py with a script in place of lvm; what lvm itself does
is in tests/integration/block_test.py.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from tests.support import rundir
from tests.unit import lvm_report_test
from vdsm_backup import errors, lvm, lvm_command, lvm_report

VERSION = "  LVM version:     2.03.16(2) (2022-05-18)"
REPORT = json.dumps({"report": [{"pv": [lvm_report_test.ROW]}]})
DEVICES = ["/dev/mapper/a"]


class FakeLvm:
    """A script in place of lvm, and the arguments of each run of it."""

    def __init__(self, path):
        self._log = path / "log"
        self.path = path / "lvm"
        self.says(f"echo '{REPORT}'")

    def says(self, *lines, version=VERSION):
        script = [
            "#!/bin/sh",
            f'if [ "$1" = version ]; then echo "{version}"; exit 0; fi',
            f"for arg; do printf '%s\\n' \"$arg\"; done >>{self._log}",
            f"echo >>{self._log}",
            *lines,
        ]
        self.path.write_text("\n".join(script) + "\n")
        self.path.chmod(0o755)

    @property
    def runs(self):
        if not self._log.exists():
            return []
        text = self._log.read_text()
        return [run.split("\n") for run in text[:-2].split("\n\n")]


@pytest.fixture
def fake(tmp_path, monkeypatch):
    fake = FakeLvm(tmp_path)
    monkeypatch.setattr(lvm_command, "LVM", str(fake.path))
    # The tests that are about privileges do not use this fixture.
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return fake


def make_vg():
    (vg,) = lvm_report.pvs(REPORT).vgs
    return vg


# Limits


def limits(devices, method, version=(2, 3, 16)):
    return lvm_command.limits(devices, method, lambda: version)


def test_devices_method():
    args = limits(["/dev/mapper/a", "/dev/mapper/b"], "devices")
    assert args[:3] == ["--devices", "/dev/mapper/a,/dev/mapper/b", "--config"]
    assert "filter" not in args[3]


def test_filter_method():
    args = limits(["/dev/mapper/a", "/dev/b.1+"], "filter")
    assert args[0] == "--config"
    assert (
        'filter=["a|^/dev/mapper/a$|","a|^/dev/b[.]1[+]$|","r|.*|"]' in args[1]
    )
    # Without it the host's devices file would win over the filter.
    assert "use_devicesfile=0" in args[1]


def test_old_lvm_gets_no_option_that_it_does_not_know():
    args = limits(DEVICES, "auto", version=(2, 3, 11))
    assert "--devices" not in args
    assert "use_devicesfile" not in args[1]


@pytest.mark.parametrize("version", [(2, 3, 12), (2, 4, 0)])
def test_auto_is_devices(version):
    assert limits(DEVICES, "auto", version)[0] == "--devices"


@pytest.mark.parametrize("method", ["auto", "devices", "filter"])
def test_no_devices_is_never_no_limit(method):
    with pytest.raises(ValueError):
        limits([], method)


@pytest.mark.parametrize("method", ["auto", "devices", "filter"])
def test_no_devices_runs_no_lvm(fake, method):
    runner = lvm.Lvm([], method)
    assert runner.scan() == lvm.Scan([], {})
    for look in (runner.find, runner.vg):
        with pytest.raises(errors.DomainNotFound):
            look("sd1")
    assert fake.runs == []


def test_version():
    assert lvm_command.parse_version(VERSION) == (2, 3, 16)
    assert lvm_command.parse_version("nonsense") is None


def test_unknown_version_is_an_error(fake):
    fake.says(version="nonsense")
    with pytest.raises(errors.LvmFailed) as e:
        lvm.Lvm(DEVICES).scan()
    assert "nonsense" in str(e.value)


def test_every_command_is_limited(fake):
    runner = lvm.Lvm(DEVICES, "devices")
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


def test_changes_are_limited_to_the_vg(fake):
    runner = lvm.Lvm(["/dev/mapper/z", *DEVICES], "devices")
    runner.change_tags(make_vg(), ["A"], [])
    assert fake.runs[0][2] == "/dev/mapper/a"


# Commands


def test_all_tags_in_one_vgchange(fake):
    runner = lvm.Lvm(DEVICES, "devices")
    runner.change_tags(make_vg(), ["MDT_B=2", "MDT_A=2"], ["MDT_A=1"])
    (run,) = fake.runs
    assert run[5:] == [
        "--autobackup",
        "n",
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
    lvm.Lvm(DEVICES, "devices").activate(make_vg(), ["ids", "leases"])
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
        lvm.Lvm(DEVICES).scan()
    assert e.value.fields() == {
        "command": "pvs",
        "rc": 5,
        "err": "Cannot \\x1b[31mdo it.; And more.",
    }


def test_warnings_are_better_than_nothing(fake):
    fake.says("echo '  WARNING: this is all' >&2", "exit 5")
    with pytest.raises(errors.LvmFailed, match="WARNING: this is all"):
        lvm.Lvm(DEVICES).scan()


def test_killed_lvm(fake):
    fake.says("kill -9 $$")
    with pytest.raises(errors.LvmFailed, match="killed by signal 9"):
        lvm.Lvm(DEVICES).scan()


def test_output_that_is_no_report(fake):
    fake.says("echo nonsense")
    with pytest.raises(errors.LvmFailed):
        lvm.Lvm(DEVICES).scan()


def test_no_lvm_installed(fake):
    fake.path.unlink()
    with pytest.raises(errors.LvmFailed, match="No such file"):
        lvm.Lvm(DEVICES).scan()


def test_environment_of_lvm(fake, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LVM_SYSTEM_DIR", "/x")
    monkeypatch.setenv("SECRET", "x")
    fake.says("env >&2; exit 1")
    with pytest.raises(errors.LvmFailed) as e:
        lvm.Lvm(DEVICES).scan()
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
    runner = lvm.Lvm([*DEVICES, *LEFT_OUT], "devices")
    unread = runner.scan().unread
    assert {name: e.err for name, e in unread.items()} == LEFT_OUT
    assert runner.find("sd1").name == "sd1"


@pytest.mark.parametrize("device", LEFT_OUT)
def test_a_domain_may_be_on_a_device_that_cannot_be_used(fake, device):
    leaves_out(fake, LEFT_OUT[device])
    for look in ("find", "vg"):
        runner = lvm.Lvm([*DEVICES, device], "devices")
        with pytest.raises(errors.LvmFailed) as e:
            getattr(runner, look)("another")
        assert e.value.err == LEFT_OUT[device]


def test_devices_that_lvm_does_not_look_at_are_no_failure(fake):
    leaves_out(
        fake,
        "/dev/mapper/control: open failed: No such device",
        "Cannot use /dev/mapper/b: device is partitioned",
        'Failed to find physical volume "/dev/mapper/b".',
    )
    assert lvm.Lvm([*DEVICES, "/dev/mapper/b"], "devices").scan().unread == {}


# Timeouts


def test_lvm_that_does_not_answer_is_killed(fake):
    fake.says("exec sleep 60")
    start = time.monotonic()
    result = lvm_command.run(["pvs"], timeout=0.2)
    assert time.monotonic() - start < 0.2 + lvm_command.GRACE
    assert result.rc is None
    assert result.ended


def test_child_that_cannot_be_killed_is_not_waited_for(fake):
    # For us it is as if it was stuck: its output stays open.
    fake.says("sleep 5 &", "echo $! >&2", "exec sleep 60")
    start = time.monotonic()
    result = lvm_command.run(["pvs"], timeout=0.2)
    assert time.monotonic() - start < 1 + lvm_command.GRACE
    assert result.rc is None
    assert not result.ended
    os.kill(int(result.err), signal.SIGKILL)


def test_lvm_does_not_outlive_our_interruption(fake, tmp_path, monkeypatch):
    fake.says(f"echo $$ >{tmp_path}/pid", "exec sleep 60")

    def interrupted(process, output, deadline):
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(lvm_command, "_drain", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lvm_command.run(["pvs"], timeout=60)
    (process,) = lvm_command._left_behind
    assert process.wait(5) == -signal.SIGKILL


def test_a_killed_vgchange_is_a_failure_that_can_be_read_back(fake):
    fake.says("exec sleep 60")
    with pytest.raises(errors.LvmFailed, match="did not answer"):
        lvm.Lvm(DEVICES, timeout=0.2).change_tags(make_vg(), ["A"], [])


def test_a_vgchange_that_lives_on_is_a_timeout(fake):
    fake.says("sleep 3 &", "exec sleep 60")
    with pytest.raises(errors.StorageTimeout):
        lvm.Lvm(DEVICES, timeout=0.2).change_tags(make_vg(), ["A"], [])


def test_slow_scan_of_devices_that_all_answer_alone(fake):
    fake.says(f"case \"$3\" in *,*) exec sleep 60;; esac; echo '{REPORT}'")
    with pytest.raises(errors.StorageTimeout):
        lvm.Lvm(["/dev/mapper/a", "/dev/mapper/b"], timeout=0.8).scan()


# The lease lives as long as lvm


def test_lvm_keeps_its_stdin(fake):
    fake.says("exec sleep 60")
    readable, writable = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", _KEEP, str(fake.path)],
        stdin=readable,
        stdout=subprocess.PIPE,
        cwd=rundir.__file__.rpartition("/tests/")[0],
    )
    os.close(readable)
    pid = int(process.stdout.readline())
    os.kill(pid, 0)
    process.kill()
    process.wait()
    # Its parent is gone; the pipe still has a reader.
    with pytest.raises(AssertionError):
        _wait_no_reader(writable, 0.5)
    os.kill(pid, signal.SIGKILL)
    _wait_no_reader(writable, 5)
    os.close(writable)


_KEEP = """
import os, sys, threading, time
from vdsm_backup import lvm_command
os.getuid = os.geteuid = lambda: 0
lvm_command.LVM = sys.argv[1]
start = lvm_command.subprocess.Popen
def popen(*args, **kwargs):
    process = start(*args, **kwargs)
    print(process.pid, flush=True)
    return process
lvm_command.subprocess.Popen = popen
lvm_command.run(["vgchange"], 60, stdin=0)
"""


def _wait_no_reader(writable, timeout):
    poll = select.poll()
    poll.register(writable, 0)
    events = poll.poll(timeout * 1000)
    assert events and events[0][1] & select.POLLERR


# Privileges


@pytest.fixture
def script():
    """Makes a script that all users may run."""
    directory = rundir.make("lvm")

    def make(text):
        path = os.path.join(directory, "script")
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o755)
        return path

    yield make
    rundir.remove(directory)


# Not for a shell: it makes its effective user the real one.
IDENTITY = """\
#!/usr/bin/awk -f
BEGIN {
    while ((getline < "/proc/self/status") > 0)
        if ($1 == "Uid:" || $1 == "Gid:") print $2, $3, $4
}
"""


def run_as(ids, code):
    """Code in a new process with real and effective ids."""
    ruid, euid = ids
    setup = (
        "import os; from vdsm_backup import lvm_command;"
        f"os.setresgid({ruid}, {euid}, {euid});"
        f"os.setresuid({ruid}, {euid}, {euid});"
    )
    return subprocess.run(
        [sys.executable, "-c", setup + code],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
@pytest.mark.parametrize("euid", [0, 36])
def test_lvm_is_root_whoever_does_the_file_io(script, euid):
    code = (
        f"lvm_command.LVM = {script(IDENTITY)!r};"
        "print(lvm_command.run(['pvs'], 9).out)"
    )
    assert run_as((0, euid), code).split() == ["0"] * 6


@needs_root
def test_lvm_through_sudo(script):
    text = '#!/bin/sh\necho "$(id -u) $*"\n'
    code = (
        f"lvm_command.SUDO = {script(text)!r};"
        "print(lvm_command.run(['pvs'], 9).out)"
    )
    words = ["36", "-n", "/usr/sbin/lvm", "pvs"]
    assert run_as((36, 36), code).split() == words

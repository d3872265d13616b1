# SPDX-License-Identifier: GPL-2.0-or-later
"""How lvm runs and ends: lvm/command.py, with a script in its place."""

import os
import select
import signal
import time

import pytest

from tests.support import programs, rundir
from tests.support.storage.fakelvm import DEVICES, REPORT, make_vg
from tests.support.waiting import RUNS_OUT, SOON
from vdsm_backup import errors
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.lvm.vgs import Lvm

pytest_plugins = ["tests.support.storage.fakelvm"]

# Timeouts


def test_lvm_that_does_not_answer_is_killed(fake):
    fake.says("exec sleep 60")
    start = time.monotonic()
    result = lvm_command.run(["pvs"], timeout=0.2)
    assert time.monotonic() - start < SOON
    assert result.rc is None
    assert result.ended


def test_child_that_cannot_be_killed_is_not_waited_for(fake):
    # For us it is as if it was stuck: its output stays open.
    fake.says("sleep 60 &", "echo $! >&2", "exec sleep 60")
    start = time.monotonic()
    result = lvm_command.run(["pvs"], timeout=RUNS_OUT)
    assert time.monotonic() - start < SOON
    assert result.rc is None
    assert not result.ended
    os.kill(int(result.err), signal.SIGKILL)


def test_lvm_does_not_outlive_our_interruption(fake, monkeypatch):
    fake.says("exec sleep 60")
    started = []

    def interrupted(process, output, deadline):
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(lvm_command, "_drain", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lvm_command.run(["pvs"], timeout=60)
    (process,) = started
    assert process.wait(5) == -signal.SIGKILL


def test_a_killed_vgchange_is_a_failure_that_can_be_read_back(fake):
    fake.says("exec sleep 60")
    with pytest.raises(errors.LvmFailed, match="did not answer"):
        Lvm(DEVICES, timeout=0.2).change_tags(make_vg(), ["A"], [])


def test_a_vgchange_that_lives_on_is_a_timeout(fake):
    fake.says("sleep 10 &", "exec sleep 60")
    with pytest.raises(errors.StorageTimeout):
        Lvm(DEVICES, timeout=RUNS_OUT).change_tags(make_vg(), ["A"], [])


def test_slow_scan_of_devices_that_all_answer_alone(fake):
    fake.says(f"case \"$3\" in *,*) exec sleep 60;; esac; echo '{REPORT}'")
    with pytest.raises(errors.StorageTimeout):
        Lvm(["/dev/mapper/a", "/dev/mapper/b"], timeout=4).scan()


# The lease lives as long as lvm


def test_lvm_keeps_its_stdin(fake):
    fake.says("exec sleep 60")
    readable, writable = os.pipe()
    process = programs.start(
        "tests.support.lvm.keeper", fake.path, stdin=readable
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


def run_as(ids, name, path):
    """What lvm says, by real and effective ids and a script in its place."""
    return programs.run(
        "tests.support.lvm.as_user", *ids, name, path, check=True
    ).stdout


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
@pytest.mark.parametrize("euid", [0, 36])
def test_lvm_is_root_whoever_does_the_file_io(script, euid):
    said = run_as((0, euid), "LVM", script(IDENTITY))
    assert said.split() == ["0"] * 6


@needs_root
def test_lvm_through_sudo(script):
    text = '#!/bin/sh\necho "$(id -u) $*"\n'
    words = ["36", "-n", "/usr/sbin/lvm", "pvs"]
    assert run_as((36, 36), "SUDO", script(text)).split() == words

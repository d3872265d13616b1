# SPDX-License-Identifier: GPL-2.0-or-later
"""
Real qemu processes that hold the locks of an image.

vm() is a VM with a disk, as on a host; hold() is qemu-io, which takes the
locks of a transfer and is much lighter. Both are recorded in a run directory
and found there by clean_stale() after a test run that was killed.
"""

import contextlib
import glob
import json
import os
import shutil
import socket
import subprocess

from tests.support import rundir
from tests.support.processes import proc
from tests.support.waiting import wait_until

_SYSTEM = "qemu-system-x86_64"
_IO = "qemu-io"
_TIMEOUT = 30


def missing():
    """Why these helpers cannot be used here; empty if they can."""
    names = [name for name in (_SYSTEM, _IO) if not shutil.which(name)]
    return f"not installed: {', '.join(names)}" if names else ""


@contextlib.contextmanager
def vm(directory, *drives):
    """
    A VM that was never started (-S): it has its locks all the same.
    A drive is a value of qemu's -drive option.
    """
    monitor = os.path.join(directory, "qmp")
    options = [option for drive in drives for option in ("-drive", drive)]
    process = subprocess.Popen(
        [_SYSTEM, "-S", "-nodefaults", "-display", "none", "-m", "16"]
        + ["-qmp", f"unix:{monitor},server=on,wait=off", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    with _recorded(directory, process):
        wait_until(lambda: _answers(monitor, process), what="a VM's answer")
        yield process


@contextlib.contextmanager
def hold(directory, image, image_format="raw", read_only=False):
    """A qemu that is no VM and has the image open."""
    process = subprocess.Popen(
        [_IO, "-f", image_format, *(["-r"] if read_only else []), image],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process, _recorded(directory, process):
        # The prompt comes when the image is open.
        prompt = process.stdout.read(len(b"qemu-io> "))
        assert prompt == b"qemu-io> ", f"{_IO} cannot open {image}"
        yield process


def clean_stale(directory):
    """
    Ends what a killed test run left. Another run may do the same at the same
    time, and remove what it has ended.
    """
    for path in glob.glob(f"{glob.escape(directory)}/qemu-*"):
        with contextlib.suppress(FileNotFoundError):
            with open(path) as f:
                pid, started = f.read().split()
            proc.kill_recorded(pid, started)
            os.unlink(path)
    # A run that was killed between the start and the record.
    proc.kill(
        pid
        for pid in map(int, filter(str.isdecimal, os.listdir("/proc")))
        if proc.command(pid).startswith((_SYSTEM, _IO))
        and f"{directory}/" in proc.command(pid)
    )


@contextlib.contextmanager
def _recorded(directory, process):
    pid = process.pid
    path = os.path.join(directory, f"qemu-{pid}")
    with open(path, "w") as f:
        f.write(f"{pid} {rundir.start_time(pid)}")
    try:
        yield
    finally:
        process.kill()
        process.wait()
        os.unlink(path)


def _answers(monitor, process):
    """
    Does the VM obey. It greets before its disks are open (another thread
    does that), but obeys only after.
    """
    assert process.poll() is None, f"{_SYSTEM} ended: {process.returncode}"
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(_TIMEOUT)
        try:
            s.connect(monitor)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        s.sendall(b'{"execute": "qmp_capabilities"}')
        with s.makefile() as answers:
            assert "QMP" in json.loads(answers.readline())
            assert "return" in json.loads(answers.readline())
        return True

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Loop devices over sparse files, and lvm that sees nothing else.

All state is in the kernel and names the file, so the devices of a run that
was killed are found by the directory of their files.
"""

import contextlib
import glob
import json
import os
import shutil
import subprocess
from unittest import mock

from tests.support import rundir
from vdsm_backup.lvm import command as lvm_command

# activation=0: these tests never touch device-mapper, also where there is
# one. preferred_names: as VDSM has it in each command.
LVM_CONF = """\
global {{
    activation=0
    locking_dir="{locks}"
}}
devices {{
    hints="none"
    obtain_device_list_from_udev=0
    use_devicesfile=0
    preferred_names=["^/dev/mapper/"]
}}
"""


def missing():
    """Why there can be no block domains here, or ""."""
    if os.geteuid() != 0:
        return "block domains need root"
    for tool in ("losetup", lvm_command.LVM):
        if not shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin"):
            return f"block domains need {tool}"
    if not os.path.exists("/dev/loop-control"):
        return "block domains need loop devices"
    return ""


@contextlib.contextmanager
def own_directory():
    """A new one; all lvm in this process is ours alone meanwhile."""
    path = rundir.make("block")
    # Also a virtual machine has this module, which has no pytest.
    with mock.patch.dict(os.environ, LVM_SYSTEM_DIR=lvm_system_dir(path)):
        yield path
    if not missing():
        clean_stale(path)
    rundir.remove(path)


def make_file(path, size):
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def copy_file(source, target):
    """A byte copy, as an array makes of a LUN."""
    subprocess.run(["cp", "--sparse=always", source, target], check=True)
    return target


def attach(path, offset=0, size=0, direct=False, partitions=False):
    """
    A new loop device over a file, or a part of it.

    direct: each read of the device is one of the file. Otherwise the kernel
    gives what anybody has read once, also when the file cannot be read.
    partitions: it may have some, as a LUN may. Otherwise LVM looks for none.
    """
    command = ["losetup", "--find", "--show", "--offset", str(offset)]
    if partitions:
        command += ["--partscan"]
    if direct:
        command += ["--direct-io=on"]
    if size:
        command += ["--sizelimit", str(size)]
    return _run([*command, path]).strip()


def detach(device):
    _run(["losetup", "--detach", device])


def lvm_system_dir(directory, name="lvm"):
    """
    A directory for LVM_SYSTEM_DIR. Locks are in it: with two of them, lvm
    commands exclude each other no more than on two hosts.
    """
    path = os.path.join(directory, name)
    locks = os.path.join(path, "locks")
    os.makedirs(locks)
    with open(os.path.join(path, "lvm.conf"), "w") as f:
        f.write(LVM_CONF.format(locks=locks))
    return path


def require_own_lvm():
    """Never the lvm.conf of the host, nor its backups and locks."""
    path = os.environ.get("LVM_SYSTEM_DIR", "")
    if not os.path.exists(os.path.join(path, "locks")):
        raise RuntimeError("LVM_SYSTEM_DIR is not one of lvm_system_dir()")


def clean_stale(directory):
    """Detach all devices over files in a directory, and their aliases."""
    found = json.loads(_run(["losetup", "--json", "--list"]) or "{}")
    for item in found.get("loopdevices", []):
        # None: another run detaches the device just now.
        if (item["back-file"] or "").startswith(directory + "/"):
            for alias in glob.glob("/dev/mapper/*"):
                if _points_to(alias, item["name"]):
                    os.unlink(alias)
            # Detached in use, it goes with whoever has it open: then the
            # next test may have a device of this name.
            if not item["autoclear"]:
                detach(item["name"])


def _points_to(path, target):
    return os.path.islink(path) and os.readlink(path) == target


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.strip()}")
    return done.stdout

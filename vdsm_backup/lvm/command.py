# SPDX-License-Identifier: GPL-2.0-or-later
"""
Running the lvm command, always limited to some devices, always bounded.

An lvm process whose device hangs cannot be killed: it sits in the kernel
until the storage answers. Nothing here waits for such a process longer than
GRACE. The process is left behind, with the files that it inherited, and
Result.ended says so.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from collections import namedtuple

from vdsm_backup.processes import identity, stuck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

LVM = "/usr/sbin/lvm"
SUDO = "/usr/bin/sudo"

# Seconds for a process that was killed to be gone, unless it is stuck.
GRACE = 1.0


class Result(namedtuple("Result", "rc out err ended")):
    """
    How a command ended.

    rc: exit code, negative for a signal; None if the time was over.
    out, err: what the command wrote.
    ended: whether no process of the command is left that could still do
        something.
    """

    __slots__ = ()
    rc: int | None
    out: str
    err: str
    ended: bool


def limits(devices: Sequence[str], wait_for_locks: bool = True) -> list[str]:
    """
    Arguments that let lvm use these devices only, and pin its settings.

    wait_for_locks: lvm waits for its own locks of VGs on this host. Otherwise
        it ends with an error if another command has one: lock_is_held().

    lvm knows --devices since 2.03.12. An older one ends with an error.

    Raises ValueError without devices: to lvm, an empty --devices is no limit.
    """
    if not devices:
        raise ValueError("lvm without a limit")
    pinned = _PINNED % wait_for_locks
    return ["--devices", ",".join(devices), "--config", pinned]


# What lvm says of a lock of a VG that it does not wait for. It has not read
# the VG by then (lib/locking/locking.c, lib/misc/lvm-flock.c).
_NO_LOCK = "Can't get lock for "
_HELD = "Resource temporarily unavailable"


def lock_is_held(result: Result) -> bool:
    """
    Whether a command did nothing since another command of this host has the
    lock of the VG.
    """
    return bool(result.rc) and _NO_LOCK in result.err and _HELD in result.err


# Settings that the host's lvm.conf (with lvmlocal.conf and the files of host
# tags) must not decide for our commands. lvm knows all of them since 2.03.2,
# so since before --devices: under config/abort_on_errors, a setting that lvm
# does not know ends a command.
#
# report, log: how a report looks, and that errors go to stderr. Some of them
# make no difference in JSON today; a family is pinned as a whole.
#
# test: with it, a command does nothing and says that it did. umask: for the
# copy of a VG that is kept with the history. wait_for_locks (here 0 or 1) and
# prioritise_write_locks: as VDSM has them; a read must not fail because
# another command changes the VG at the same time.
#
# hints: the list of PVs that lvm remembers on this host is wrong when other
# hosts make and remove PVs. obtain_device_list_from_udev: udev's may be late.
# preferred_names: the names that VDSM has in its metadata mapping (PV0).
# pv_min_size: lvm leaves out smaller devices; 512 is its lower limit.
#
# The host decides, on purpose:
# - which of our devices lvm uses (scan, types, component detection): a device
#   that lvm leaves out is an error, see report.left_out(). With --devices, lvm
#   uses neither filter, global_filter nor the devices file;
# - what is forbidden (locking_type, system_id_source, use_lvmlockd), and what
#   activation does (activation/*, global/activation, devices/dir): our command
#   fails where VDSM's fails, in lvm's words;
# - where lvm logs to (log/file, level, syslog, journal): these are not our
#   pipes;
# - units, formats of times and default columns: we give --units where we ask
#   for sizes, ask for no times, and name the columns;
# - backup/*: we give --autobackup n or --file; allocation/*, metadata/*: we
#   make no PV, VG or LV.
# A value that lvm refuses ends each lvm command before lvm reads --config.
_PINNED = (
    'report { output_format="basic" compact_output=0 compact_output_cols=""'
    ' headings=1 aligned=1 buffered=1 separator=" " list_item_separator=","'
    " prefixes=0 quoted=1 columns_as_rows=0 binary_values_as_numeric=0"
    ' mark_hidden_devices=1 pvs_sort="pv_name" lvs_sort="vg_name,lv_name" }'
    ' log { prefix="  " command_names=0 indent=0 verbose=0 silent=0'
    " report_command_log=0 }"
    " global { test=0 umask=077 wait_for_locks=%d prioritise_write_locks=1 }"
    ' devices { hints="none" obtain_device_list_from_udev=0'
    ' ignore_suspended_devices=1 preferred_names=["^/dev/mapper/"]'
    " pv_min_size=512 }"
)


def run(
    args: Sequence[str], timeout: float, stdin: int | None = None
) -> Result:
    """
    Run lvm as root, for at most timeout and GRACE seconds.

    stdin: a file descriptor that lvm keeps open as long as it lives. sudo
        closes all but the standard ones. None: /dev/null.

    Raises OSError if lvm, or sudo, cannot be started.
    """
    command = [LVM, *args]
    if os.getuid() != 0:
        command = [SUDO, "-n", *command]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        **identity.root(),
    )
    assert process.stdout and process.stderr
    try:
        return _communicate(process, time.monotonic() + timeout)
    finally:
        # Here and not in _communicate(), so that it is done also when we are
        # interrupted.
        process.stdout.close()
        process.stderr.close()
        if process.poll() is None:
            _kill(process)
            stuck.leave(process)


def _environment() -> dict[str, str]:
    env = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    if "LVM_SYSTEM_DIR" in os.environ:
        env["LVM_SYSTEM_DIR"] = os.environ["LVM_SYSTEM_DIR"]
    return env


def _communicate(process: subprocess.Popen[bytes], deadline: float) -> Result:
    """
    Like Popen.communicate(), which waits without bound after a timeout.

    deadline: a time of time.monotonic().
    """
    assert process.stdout and process.stderr
    out, err = bytearray(), bytearray()
    output = {process.stdout.fileno(): out, process.stderr.fileno(): err}
    if _drain(process, output, deadline):
        rc, ended = process.returncode, True
    else:
        _kill(process)
        rc, ended = None, _drain(process, output, time.monotonic() + GRACE)
    return Result(rc, _text(out), _text(err), ended)


def _drain(
    process: subprocess.Popen[bytes],
    output: dict[int, bytearray],
    deadline: float,
) -> bool:
    """
    Read the output of a process until the deadline. Returns whether the
    process has ended, and all processes that had its output: under sudo, lvm
    is a child of the process that we know.

    output: {file descriptor: what was read from it}. This is added to.
    """
    with selectors.DefaultSelector() as selector:
        for fd in output:
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0, deadline - time.monotonic()))
            if not ready:
                return False
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                if not data:
                    selector.unregister(key.fd)
                output[key.fd] += data
    try:
        process.wait(max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _text(data: bytearray) -> str:
    return data.decode("utf-8", "surrogateescape")


def _kill(process: subprocess.Popen[bytes]) -> None:
    # EPERM: sudo runs as root and cannot be killed by us.
    with contextlib.suppress(PermissionError):
        process.kill()

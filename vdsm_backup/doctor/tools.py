# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether what reads storage is there, and may be used: ioprocess, lvm, its
devices, and sudo.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from vdsm_backup.doctor import commands
from vdsm_backup.doctor.checks import AS_ROOT, BAD, NOTE, OK, UNKNOWN, Finding
from vdsm_backup.host import devices
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vdsm_backup.config import Config

_NO_FLAGS = "no flag of a block domain can be read"


def ioprocess(options: Config, is_there: bool | None) -> Iterator[Finding]:
    """
    is_there: whether the Python of the hooks has it; None: it is not known.
    """
    if options.ioprocess == "embedded":
        text = "not used: [storage] ioprocess is embedded"
        yield Finding("ioprocess", OK, text)
    elif is_there:
        yield Finding("ioprocess", OK, "is installed")
    elif is_there is None:
        text = "whether it is installed is not known: see package"
        yield Finding("ioprocess", UNKNOWN, text)
    elif options.ioprocess == "installed":
        file = options.file_of("storage", "ioprocess")
        text = "is not installed, and [storage] ioprocess wants it: no flag"
        text += " of a file domain can be read"
        hint = f"install python3-ioprocess, or ioprocess = auto in {file}"
        yield Finding("ioprocess", BAD, text, hint)
    else:
        text = "is not installed: a worker of our own takes its place"
        yield Finding("ioprocess", NOTE, text, "install python3-ioprocess")


def lvm(lvm: str = lvm_command.LVM) -> Iterator[Finding]:
    """Whether it knows the options by which we limit it: older ones do not."""
    limits = lvm_command.limits([os.devnull])
    try:
        commands.run([lvm, "pvs", *limits, "--version"])
    except commands.Failed as e:
        hint = "install lvm2 2.03.12 or later"
        if os.path.exists(lvm):
            text = f"{lvm} cannot be limited to devices: {_NO_FLAGS}: {e}"
        else:
            text = f"{lvm} does not run: {e}"
        yield Finding("lvm", BAD, text, hint)
    else:
        yield Finding("lvm", OK, "can be limited to devices")


def lvm_devices(options: Config) -> Iterator[Finding]:
    """Whether the devices are there on which block domains are looked for."""
    name = "devices"
    configured = list(options.lvm_devices)
    paths = devices.configured_or_multipath(configured)
    where = "multipath"
    hint = "multipath -ll; systemctl status multipathd"
    if configured:
        file = options.file_of("lvm", "devices")
        where = "of [lvm] devices"
        hint = f"connect it, or take it out of {file}"
    found = False
    for path in paths:
        problem = _problem(path)
        if problem:
            found = True
            text = f"{printable(path)} {problem}: no flag of a domain on it"
            yield Finding(name, BAD, f"{text} can be read", hint)
    if not paths:
        text = "there is no multipath device: no block domain is looked for"
        yield Finding(name, OK, text)
    elif not found:
        yield Finding(name, OK, f"{len(paths)} {where}, all there")


def _problem(path: str) -> str:
    try:
        # The directory of devices is in memory, and nothing is opened.
        mode = os.stat(path).st_mode
    except OSError as e:
        return f"cannot be found ({e.strerror})"
    return "" if stat.S_ISBLK(mode) else "is no block device"


def sudo(
    options: Config,
    program: str = lvm_command.SUDO,
    lvm: str = lvm_command.LVM,
) -> Iterator[Finding]:
    """
    Whether the user of VDSM's hooks may run lvm as root. libvirt's hook is
    root.

    lvm is really run: what sudo lists may still want a password.
    """
    user = options.uid, options.gid
    if os.getuid() != 0 and os.geteuid() != options.uid:
        text = f"user {os.geteuid()} cannot tell what it lets user"
        text += f" {options.uid} do"
        yield Finding("sudo", UNKNOWN, text, AS_ROOT)
        return
    if options.uid == 0:
        yield Finding("sudo", OK, "not needed: [storage] user is root")
        return
    try:
        commands.run([program, "-n", lvm, "version"], user)
    except commands.Failed as e:
        text = f"user {options.uid} may not run {lvm} as root: a hook of VDSM"
        text += f" can read no flag of a block domain: {e}"
        hint = "VDSM's package grants it: /etc/sudoers.d/50_vdsm"
        yield Finding("sudo", BAD, text, hint)
    else:
        text = f"user {options.uid} may run {lvm} as root"
        yield Finding("sudo", OK, text)

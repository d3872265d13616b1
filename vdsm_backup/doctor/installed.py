# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether what protects this host is installed, and configured: the hooks, what
they need to run, and the guard. One function for each check.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from vdsm_backup import config, errors
from vdsm_backup.doctor import checks
from vdsm_backup.guard import policy
from vdsm_backup.host import devices
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.processes import identity
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from typing import Iterator

# P_VDSM_HOOKS in lib/vdsm/common/constants.py.in
VDSM_HOOKS = "/usr/libexec/vdsm/hooks"
LIBVIRT_HOOKS = "/etc/libvirt/hooks"
HOOK = "99_vdsm_backup"
POINTS = (
    "before_vm_start",
    "before_vm_dehibernate",
    "before_disk_hotplug",
    "before_vm_migrate_destination",
)

# The interpreter that the first line of the hooks names.
PYTHON = "/usr/bin/python3"

# Seconds, for each command that a check runs.
_TIMEOUT = 10


def hooks(
    vdsm_hooks: str = VDSM_HOOKS, libvirt_hooks: str = LIBVIRT_HOOKS
) -> Iterator[checks.Finding]:
    """Whether VDSM's hooks and libvirt's are there, and can be run."""
    for point in POINTS:
        yield from _hook(f"hook {point}", os.path.join(vdsm_hooks, point))
    yield from _hook("libvirt hook", os.path.join(libvirt_hooks, "qemu.d"))


def _hook(name: str, directory: str) -> Iterator[checks.Finding]:
    path = os.path.join(directory, HOOK)
    if not os.access(path, os.X_OK):
        yield checks.Finding(
            name, checks.BAD, f"{path} is not there", "make install-hooks"
        )
        return
    later = [n for n in sorted(os.listdir(directory)) if n > HOOK]
    if later:
        text = f"runs before {printable(later[0])}: changes by that one are"
        text += " not checked"
        yield checks.Finding(
            name, checks.NOTE, text, f"see what {later[0]} changes"
        )
    else:
        yield checks.Finding(name, checks.OK, path)


def package(python: str = PYTHON) -> Iterator[checks.Finding]:
    """Whether the Python of the hooks finds our package."""
    code = "import vdsm_backup.hooks.answer; print(vdsm_backup.__version__)"
    done = _run([python, "-I", "-c", code])
    if done is None or done.returncode:
        yield checks.Finding(
            "package",
            checks.BAD,
            f"{python} does not find it: each hook would refuse all VMs",
            f"install it for {python}",
        )
    else:
        yield checks.Finding(
            "package", checks.OK, f"{python} has {done.stdout.strip()}"
        )


def configuration(path: str | None) -> Iterator[checks.Finding]:
    """
    Whether the user of the hooks, as we are now, may read the configuration,
    and whether it sets options that were removed.

    path: of --config, or None.
    """
    try:
        options = config.load(path)
    except errors.ConfigInvalid as e:
        text = f"user {os.geteuid()} cannot use it, so each hook of VDSM"
        text += f" refuses all VMs: {e}"
        hint = "make it readable, and its directory"
        yield checks.Finding("configuration", checks.BAD, text, hint)
    else:
        yield checks.Finding("configuration", checks.OK, options.path)
        for section, option in options.removed:
            text = f"[{section}] {option} is no option any more, and ignored"
            file = options.file_of(section, option)
            instead = config.REMOVED[section, option]
            hint = f"take it out of {file}; instead: {instead}"
            yield checks.Finding("configuration", checks.NOTE, text, hint)


def guard(options: config.Config) -> Iterator[checks.Finding]:
    """Whether the guard refuses anything."""
    settings = policy.settings(options)
    if settings.mode != policy.ENFORCING:
        text = f"[guard] mode is {settings.mode}: nothing is refused"
        hint = f"set it in {options.file_of('guard', 'mode')}"
        yield checks.Finding("guard", checks.BAD, text, hint)
        return
    text = "[guard] mode is enforcing"
    if settings.on_unreadable == policy.ALLOW:
        text += ", but on_unreadable = allow"
        hint = f"see {options.file_of('guard', 'on_unreadable')}"
        yield checks.Finding("guard", checks.NOTE, text, hint)
    else:
        yield checks.Finding("guard", checks.OK, text)


def plugin_fits() -> Iterator[checks.Finding]:
    """
    Whether the plugin fits into the VDSM that is installed.

    A child process tells: VDSM imports libvirt, which refuses to load where
    the real and the effective user differ.
    """
    code = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1])\n"
        "import vdsm\n"
        "from vdsm_backup.plugin import install\n"
        "print(json.dumps(install.problems()))"
    )
    done = _run([sys.executable, "-c", code, json.dumps(sys.path)], as_us=True)
    if done is None or done.returncode:
        said = done.stderr.strip().rpartition("\n")[2] if done else "no answer"
        text = f"{sys.executable} cannot check: {printable(said)}"
        yield checks.Finding(
            "vdsm", checks.NOTE, text, f"run with {PYTHON} on a host"
        )
        return
    problems = json.loads(done.stdout.strip().rpartition("\n")[2])
    for problem in problems:
        yield checks.Finding(
            "vdsm", checks.BAD, problem, "docs/vdsm.md, Loading"
        )
    if not problems:
        yield checks.Finding(
            "vdsm", checks.OK, "the plugin fits into the one installed"
        )


def storage_tools(options: config.Config) -> Iterator[checks.Finding]:
    """Whether the programs and modules are there that read storage."""
    if importlib.util.find_spec("ioprocess"):
        yield checks.Finding("ioprocess", checks.OK, "is installed")
    else:
        text = "is not installed: a worker of our own takes its place"
        yield checks.Finding("ioprocess", checks.NOTE, text)
    # Whether it knows the options by which we limit it: older ones do not.
    limits = lvm_command.limits([os.devnull])
    done = _run([lvm_command.LVM, "pvs", *limits, "--version"], as_us=True)
    if done is None:
        text = f"{lvm_command.LVM} does not run"
        yield checks.Finding("lvm", checks.BAD, text, "install lvm2")
    elif done.returncode:
        text = f"{lvm_command.LVM} cannot be limited to devices: no flag of a"
        text += f" block domain can be read: {printable(done.stderr.strip())}"
        yield checks.Finding(
            "lvm", checks.BAD, text, "install lvm2 2.03.12 or later"
        )
    else:
        count = len(devices.configured_or_multipath(options.lvm_devices))
        yield checks.Finding("lvm", checks.OK, f"limited to {count} devices")


def sudo() -> Iterator[checks.Finding]:
    """Whether the user of the hooks, as we are now, may run lvm as root."""
    if os.geteuid() == 0:
        yield checks.Finding(
            "sudo", checks.OK, "we are root, and so are the hooks"
        )
        return
    done = _run([lvm_command.SUDO, "-n", "-l", lvm_command.LVM])
    if done is None or done.returncode:
        text = f"user {os.geteuid()} may not run {lvm_command.LVM} as root: a"
        text += " hook can read no flag of a block domain"
        hint = "VDSM's package grants it: /etc/sudoers.d/50_vdsm"
        yield checks.Finding("sudo", checks.BAD, text, hint)
    else:
        yield checks.Finding(
            "sudo", checks.OK, f"user {os.geteuid()} may run lvm as root"
        )


def _run(
    command: list[str], as_us: bool = False
) -> subprocess.CompletedProcess[str] | None:
    """
    Run a command. None if it cannot be run, or does not end in time.

    as_us: as the user that started the tool. Otherwise as the user that we
    are now, which is then the real user of the command, too.
    """
    options = identity.root() if as_us else identity.effective()
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            cwd="/",
            **options,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None

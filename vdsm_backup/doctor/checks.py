# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether this host is really protected: one function for each check. None of
them changes anything.

A check gives Findings: what was found, and if that is not well, the next step.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vdsm_backup import config, errors
from vdsm_backup.guard import policy
from vdsm_backup.host import devices, journal, vdsm_client
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.processes import identity
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from typing import Callable, Iterable, Iterator

    from vdsm_backup.storage.base import Storage
    from vdsm_backup.users.users import Users

# States of a Finding.
OK = "ok"
# It works, and somebody should know of it.
NOTE = "note"
# A VM could start from a flagged domain, or a change would fail.
BAD = "bad"

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

# src/sanlock_sock.h, SANLK_SOCKET_NAME in its run directory.
SANLOCK_SOCKET = "/run/sanlock/sanlock.sock"

# Seconds, for each command that a check runs.
_TIMEOUT = 10


@dataclass(frozen=True)
class Finding:
    """
    What a check has found.

    check: what was checked, for people. state: OK, NOTE or BAD. hint: the next
    step, "" where there is none.
    """

    check: str
    state: str
    text: str
    hint: str = ""


def hooks(
    vdsm_hooks: str = VDSM_HOOKS, libvirt_hooks: str = LIBVIRT_HOOKS
) -> Iterator[Finding]:
    """Whether VDSM's hooks and libvirt's are there, and can be run."""
    for point in POINTS:
        yield from _hook(f"hook {point}", os.path.join(vdsm_hooks, point))
    yield from _hook("libvirt hook", os.path.join(libvirt_hooks, "qemu.d"))


def _hook(name: str, directory: str) -> Iterator[Finding]:
    path = os.path.join(directory, HOOK)
    if not os.access(path, os.X_OK):
        yield Finding(name, BAD, f"{path} is not there", "make install-hooks")
        return
    later = [n for n in sorted(os.listdir(directory)) if n > HOOK]
    if later:
        text = f"runs before {printable(later[0])}: changes by that one are"
        text += " not checked"
        yield Finding(name, NOTE, text, f"see what {later[0]} changes")
    else:
        yield Finding(name, OK, path)


def package(python: str = PYTHON) -> Iterator[Finding]:
    """Whether the Python of the hooks finds our package."""
    code = "import vdsm_backup.hooks.answer; print(vdsm_backup.__version__)"
    done = _run([python, "-I", "-c", code])
    if done is None or done.returncode:
        yield Finding(
            "package",
            BAD,
            f"{python} does not find it: each hook would refuse all VMs",
            f"install it for {python}",
        )
    else:
        yield Finding("package", OK, f"{python} has {done.stdout.strip()}")


def configuration(path: str | None) -> Iterator[Finding]:
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
        yield Finding("configuration", BAD, text, hint)
    else:
        yield Finding("configuration", OK, options.path)
        for section, option in options.removed:
            text = f"[{section}] {option} is no option any more, and ignored"
            file = options.file_of(section, option)
            instead = config.REMOVED[section, option]
            hint = f"take it out of {file}; instead: {instead}"
            yield Finding("configuration", NOTE, text, hint)


def guard(options: config.Config) -> Iterator[Finding]:
    """Whether the guard refuses anything."""
    settings = policy.settings(options)
    if settings.mode != policy.ENFORCING:
        text = f"[guard] mode is {settings.mode}: nothing is refused"
        hint = f"set it in {options.file_of('guard', 'mode')}"
        yield Finding("guard", BAD, text, hint)
        return
    text = "[guard] mode is enforcing"
    if settings.on_unreadable == policy.ALLOW:
        text += ", but on_unreadable = allow"
        hint = f"see {options.file_of('guard', 'on_unreadable')}"
        yield Finding("guard", NOTE, text, hint)
    else:
        yield Finding("guard", OK, text)


def plugin(options: config.Config) -> Iterator[Finding]:
    """Whether the VDSM that runs has the plugin: it knows our verb then."""
    vdsm = vdsm_client.Vdsm(
        options.vdsm_host, options.vdsm_port, options.vdsm_tls
    )
    try:
        with vdsm:
            there = vdsm.has_plugin()
    except (vdsm_client.Unreachable, vdsm_client.Unanswered) as e:
        yield Finding("plugin", NOTE, f"cannot be asked for: {e}")
        return
    if there:
        yield Finding("plugin", OK, "VDSM runs with it")
    else:
        yield Finding(
            "plugin",
            BAD,
            "VDSM runs without it: live storage migration and preview are not"
            " guarded, and VDSM may lose a flag",
            "docs/vdsm.md, Loading; journalctl -t vdsm-backup-domain",
        )


def plugin_fits() -> Iterator[Finding]:
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
        yield Finding("vdsm", NOTE, text, f"run with {PYTHON} on a host")
        return
    problems = json.loads(done.stdout.strip().rpartition("\n")[2])
    for problem in problems:
        yield Finding("vdsm", BAD, problem, "docs/vdsm.md, Loading")
    if not problems:
        yield Finding("vdsm", OK, "the plugin fits into the one installed")


def storage_tools(options: config.Config) -> Iterator[Finding]:
    """Whether the programs and modules are there that read storage."""
    if importlib.util.find_spec("ioprocess"):
        yield Finding("ioprocess", OK, "is installed")
    else:
        text = "is not installed: a worker of our own takes its place"
        yield Finding("ioprocess", NOTE, text)
    # Whether it knows the options by which we limit it: older ones do not.
    limits = lvm_command.limits([os.devnull])
    done = _run([lvm_command.LVM, "pvs", *limits, "--version"], as_us=True)
    if done is None:
        text = f"{lvm_command.LVM} does not run"
        yield Finding("lvm", BAD, text, "install lvm2")
    elif done.returncode:
        text = f"{lvm_command.LVM} cannot be limited to devices: no flag of a"
        text += f" block domain can be read: {printable(done.stderr.strip())}"
        yield Finding("lvm", BAD, text, "install lvm2 2.03.12 or later")
    else:
        count = len(devices.configured_or_multipath(options.lvm_devices))
        yield Finding("lvm", OK, f"limited to {count} devices")


def sudo() -> Iterator[Finding]:
    """Whether the user of the hooks, as we are now, may run lvm as root."""
    if os.geteuid() == 0:
        yield Finding("sudo", OK, "we are root, and so are the hooks")
        return
    done = _run([lvm_command.SUDO, "-n", "-l", lvm_command.LVM])
    if done is None or done.returncode:
        text = f"user {os.geteuid()} may not run {lvm_command.LVM} as root: a"
        text += " hook can read no flag of a block domain"
        hint = "VDSM's package grants it: /etc/sudoers.d/50_vdsm"
        yield Finding("sudo", BAD, text, hint)
    else:
        yield Finding("sudo", OK, f"user {os.geteuid()} may run lvm as root")


def sanlock(path: str = SANLOCK_SOCKET) -> Iterator[Finding]:
    """Whether a lease can be taken: sanlock's module and its daemon."""
    if importlib.util.find_spec("sanlock") is None:
        text = f"{sys.executable} has no binding of it: nothing can be changed"
        yield Finding("sanlock", BAD, text, "install python3-sanlock")
    elif not os.path.exists(path):
        text = f"its daemon does not run: {path} is not there"
        yield Finding("sanlock", BAD, text, "systemctl start sanlock")
    else:
        yield Finding("sanlock", OK, "its daemon runs")


def journald(path: str = journal.SOCKET) -> Iterator[Finding]:
    """Whether the journal is there, which is told of refusals."""
    if os.path.exists(path):
        yield Finding("journal", OK, path)
    else:
        text = f"{path} is not there: refusals are not logged"
        yield Finding("journal", NOTE, text)


def violations(
    flagged: Iterable[Storage], users: Callable[[Storage], Users]
) -> Iterator[Finding]:
    """
    Whether this host uses a flagged domain as the flag forbids.

    flagged: the domains that are flagged. users: finds the users of one.
    """
    found = False
    for storage in flagged:
        try:
            blocking = users(storage).blocking
        except errors.Error as e:
            yield Finding("VMs", NOTE, f"{storage.sd_id}: {e}")
            continue
        for use in blocking:
            found = True
            text = f"flagged domain {storage.sd_id}: {use}"
            yield Finding("VMs", BAD, text, "move its disks elsewhere")
    if not found:
        yield Finding(
            "VMs", OK, "none of this host runs from a flagged domain"
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

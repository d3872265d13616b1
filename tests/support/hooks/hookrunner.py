# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs hooks as VDSM and libvirt run them.

VDSM (lib/vdsm/common/hooks.py): every executable in <hooks>/<point>/ in
sorted order; its own environment, over which the custom properties of the VM
go, then vmId, PYTHONPATH and the name of the data file; a non-zero exit code
refuses, 2 also ends the chain; stdout is read and dropped. VDSM waits until
stdout and stderr are closed by all who have them. What the user sees is the
stderr of the last hook that refused at before_vm_start, and elsewhere that of
the last hook that ran, whether that one refused or not.

libvirt (https://libvirt.org/hooks.html): arguments NAME OPERATION SUBOPERATION
EXTRA, the XML on stdin; a non-zero exit code refuses; stdout, if there is any,
is taken for a new XML.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import pytest

from tests import ROOT

SCRIPTS = os.path.join(ROOT, "hooks")
NAME = "99_vdsm_backup"
POINTS = {
    "before_vm_start": "run",
    "before_vm_dehibernate": "run",
    "before_disk_hotplug": "hotplug",
    "before_vm_migrate_destination": "migrate-in",
}

# Where VDSM's hooking module is, which it adds to PYTHONPATH.
_HOOKING = "/usr/lib/python3/site-packages/vdsm/hook"


@dataclass
class Outcome:
    """
    code: of the hook whose words are shown. out: of all that ran.
    """

    refused: bool
    code: int
    err: str
    out: str

    @property
    def shown(self):
        # HookError of lib/vdsm/common/exception.py: the bytes of stderr in a
        # tuple.
        return f"Hook Error: {(self.err.encode(),)}"


def install(directory, config, vdsm_run="/run/vdsm"):
    """
    Our scripts in a directory of hooks, for this Python and another
    configuration; both changes are seen to fit. Without one it is the host's.
    """
    for point in [*POINTS, "qemu.d"]:
        with open(os.path.join(SCRIPTS, point, NAME)) as f:
            text = f.read()
        if point == "qemu.d":
            call, ours = "libvirt()", f"libvirt(config={config!r})"
        else:
            call = f'vdsm("{point}")'
            ours = f'vdsm("{point}", {config!r}, {vdsm_run!r})'
        for old, new in (
            ("#!/usr/bin/python3 -IXutf8", f"#!{sys.executable} -IXutf8"),
            (call, ours),
        ):
            assert text.count(old) == 1, (point, old)
            text = text.replace(old, new)
        add(directory, point, NAME, text)
    return directory


def add(directory, point, name, text):
    path = os.path.join(directory, point, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)


def vdsm(
    directory, point, data, vm_id="", custom=None, as_user=(), change=None
):
    """
    data: the XML. custom: the custom properties of the VM. as_user: a command
    that becomes the user that runs VDSM, to be followed by another command.
    change: called with the path of the data file, for what VDSM never does.
    Returns an Outcome.
    """
    folder = os.path.join(directory, point)
    scripts = [os.path.join(folder, name) for name in os.listdir(folder)]
    env = {**os.environ, **(custom or {})}
    if vm_id:
        env["vmId"] = vm_id
    env["PYTHONPATH"] = ":".join(
        [*env.get("PYTHONPATH", "").split(":"), _HOOKING]
    )
    with tempfile.TemporaryDirectory() as temporary:
        # As its own /tmp is to VDSM.
        os.chmod(temporary, 0o1777)
        env["_hook_domxml"] = os.path.join(temporary, "data")
        with open(env["_hook_domxml"], "xb") as f:
            f.write(data or b"")
        # Of VDSM, and closed to others, by mkstemp.
        os.chmod(f.name, 0o600)
        if as_user:
            os.chown(f.name, 36, 36)
        if change is not None:
            change(env)
        scripts = sorted(filter(_runs, scripts))
        done = _chain([[*as_user, script] for script in scripts], env)
    return _outcome(done, point)


def libvirt(
    directory, operation, data, name="web1", suboperation="begin", as_user=()
):
    """Returns an Outcome. Skips the test where there is no root to run it."""
    if os.geteuid() != 0:
        pytest.skip("libvirt runs its hook as root")
    script = os.path.join(directory, "qemu.d", NAME)
    done = subprocess.run(
        [*as_user, script, name, operation, suboperation, "-"],
        input=data,
        capture_output=True,
    )
    assert done.stdout == b"", "libvirt would take it for an XML"
    return _outcome([done])


def _runs(path):
    name = os.path.basename(path)
    return (
        not name.startswith(".")
        and os.path.isfile(path)
        and os.access(path, os.X_OK)
    )


def _chain(commands, env):
    done = []
    for command in commands:
        done.append(
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=env,
            )
        )
        if done[-1].returncode == 2:
            break
    return done


def _outcome(done, point=None):
    failed = [d for d in done if d.returncode]
    shown = done[-1]
    if failed and point == "before_vm_start":
        shown = failed[-1]
    return Outcome(
        refused=bool(failed),
        code=shown.returncode,
        err=shown.stderr.decode("ascii"),
        out="".join(d.stdout.decode() for d in done),
    )

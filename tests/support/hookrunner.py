# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs hooks as VDSM and libvirt run them.

VDSM (lib/vdsm/common/hooks.py): every executable in <hooks>/<point>/ in
sorted order; its own environment, over which the custom properties of the VM
go, then vmId, PYTHONPATH and the name of the data file; a non-zero exit code
refuses, 2 also ends the chain; what the last one that refused has written to
stderr is what the user sees; stdout is read and dropped. VDSM waits until
stdout and stderr are closed by all who have them.

libvirt (https://libvirt.org/hooks.html): arguments NAME OPERATION SUBOPERATION
EXTRA, the XML on stdin; a non-zero exit code refuses; stdout, if there is any,
is taken for a new XML.
"""

import os
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from tests.support.backends import ROOT

SCRIPTS = os.path.join(ROOT, "hooks")
NAME = "99_vdsm_backup"
POINTS = {
    "before_vm_start": "run",
    "before_vm_dehibernate": "run",
    "before_disk_hotplug": "hotplug",
    "before_vm_migrate_destination": "migrate-in",
}


@dataclass
class Outcome:
    """
    code: of the last hook that ran. shown: what a user of the engine sees.
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
    configuration; both changes are seen to fit.
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
            ("#!/usr/bin/python3 -I", f"#!{sys.executable} -I"),
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


def vdsm(directory, point, data, vm_id="", custom=None, user=None):
    """
    data: the XML, or None for a caller that gives none. user: (uid, gid) that
    runs VDSM. Returns an Outcome.
    """
    folder = os.path.join(directory, point)
    scripts = [os.path.join(folder, name) for name in os.listdir(folder)]
    env = {**os.environ, **(custom or {})}
    env.pop("_hook_domxml", None)
    env["PYTHONPATH"] = ":".join([env.get("PYTHONPATH", ""), folder])
    if vm_id:
        env["vmId"] = vm_id
    fd, path = tempfile.mkstemp()
    try:
        with open(fd, "wb") as f:
            f.write(data or b"")
        if user:
            os.chown(path, *user)
        if data is not None:
            env["_hook_domxml"] = path
        return _chain(sorted(filter(_runs, scripts)), env, user)
    finally:
        os.unlink(path)


def libvirt(directory, operation, data, name="web1", suboperation="begin"):
    """Returns an Outcome."""
    script = os.path.join(directory, "qemu.d", NAME)
    done = subprocess.run(
        [script, name, operation, suboperation, "-"],
        input=data,
        capture_output=True,
    )
    assert done.stdout == b"", "libvirt would take it for an XML"
    return _outcome([done])


def _runs(path):
    return os.path.isfile(path) and os.stat(path).st_mode & stat.S_IXUSR


def _chain(scripts, env, user):
    done = []
    for script in scripts:
        identity = {"user": user[0], "group": user[1]} if user else {}
        done.append(
            subprocess.run(
                [script],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=env,
                **({"extra_groups": []} if user else {}),
                **identity,
            )
        )
        if done[-1].returncode == 2:
            break
    return _outcome(done)


def _outcome(done):
    failed = [d for d in done if d.returncode]
    last = failed[-1] if failed else done[-1]
    return Outcome(
        refused=bool(failed),
        code=last.returncode,
        err=last.stderr.decode("ascii"),
        out=last.stdout.decode(),
    )

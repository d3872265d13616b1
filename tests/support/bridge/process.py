# SPDX-License-Identifier: GPL-2.0-or-later
"""The bridge of a scene as a process, which has the state of the scene."""

import os
import subprocess

from tests.support import programs

BRIDGE = "vdsm_backup.bridge"


def start(scene, *args, module=BRIDGE, inside=()):
    """
    The bridge of the scene must not run meanwhile: scene.stop(). inside: a
    command that runs it.
    """
    path = os.path.join(scene.directory, "bridge.conf")
    ours = scene.settings
    with open(path, "w") as f:
        f.write(
            f"[engine]\nurl = {ours.url}\nuser = {ours.user}\n"
            f"ca_file = {ours.ca_file}\n"
            f"password_file = {ours.password_file}\n"
            f"[hosts]\nidentity_file = {ours.identity_file}\n"
            f"[bridge]\npoll = 1\nstate = {ours.state}\n"
        )
    before, after = ([], args) if module == BRIDGE else (args[:1], args[1:])
    return programs.start(
        module,
        *(*before, "--config", path, *after),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        inside=inside,
    )


def run(scene, *args, **options):
    """Returns (exit code, what it has said). options: of start()."""
    with start(scene, *args, **options) as process:
        _, said = process.communicate()
    return process.returncode, said

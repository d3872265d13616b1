# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that qemu can run a VM from."""

import os
import subprocess

from tests.support.hooks import vmxml
from tests.support.hooks.needs import VDSM


def make(path, backing=None):
    """A qcow2 of vdsm, on another one of which only its header tells."""
    options = ["-b", backing, "-F", "qcow2"] if backing else []
    size = [] if backing else ["1M"]
    command = ["qemu-img", "create", "-q", "-f", "qcow2", *options]
    subprocess.run([*command, path, *size], check=True)
    os.chown(path, *VDSM)
    return path


def volume(domain, name=vmxml.BASE):
    """The path of another volume of the image of a domain."""
    return os.path.join(os.path.dirname(domain.path), name)

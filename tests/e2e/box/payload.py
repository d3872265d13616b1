# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a run brings into its VMs, as a tar on their second disk, which they
unpack to /opt/box:

    guest/    what sets a VM up
    lib/      the tests' own modules
    product/  what a user installs: the wheel, and files for / in root/
"""

import os
import shutil
import subprocess
import sys
import tarfile

from tests import ROOT
from tests.e2e.box.image import GUEST

TMPFILES = "usr/lib/tmpfiles.d/vdsm-backup.conf"


def make(directory):
    """Path of the tar."""
    tree = os.path.join(directory, "payload")
    product = os.path.join(tree, "product")
    os.makedirs(product)
    shutil.copytree(GUEST, os.path.join(tree, "guest"))
    _copy_tests(os.path.join(tree, "lib", "tests"))
    _build(directory, product)
    path = os.path.join(directory, "payload.tar")
    with tarfile.open(path, "w", dereference=True) as tar:
        tar.add(tree, arcname=".")
    # A disk is made of sectors.
    size = os.path.getsize(path)
    os.truncate(path, size + -size % 512)
    return path


def _copy_tests(target):
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("support", os.path.join("e2e", "inside")):
        source = os.path.join(ROOT, "tests", name)
        shutil.copytree(source, os.path.join(target, name), ignore=ignored)
    for name in ("", "e2e"):
        init = os.path.join(name, "__init__.py")
        shutil.copy(
            os.path.join(ROOT, "tests", init), os.path.join(target, init)
        )


def _build(directory, product):
    # A copy: a build leaves files beside its source.
    source = os.path.join(directory, "source")
    ignored = shutil.ignore_patterns(
        ".*", "__pycache__", "build", "dist", "*.egg*"
    )
    shutil.copytree(ROOT, source, ignore=ignored)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps"]
    pip += ["--disable-pip-version-check"]
    _run([*pip, "-w", product, source])
    root = os.path.join(product, "root")
    _run(["make", "-s", "-C", source, "install-hooks", f"DESTDIR={root}"])
    target = os.path.join(root, TMPFILES)
    os.makedirs(os.path.dirname(target))
    name = os.path.join("contrib", "tmpfiles.d", "vdsm-backup.conf")
    shutil.copy(os.path.join(source, name), target)
    shutil.rmtree(source)


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")

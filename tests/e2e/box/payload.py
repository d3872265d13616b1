# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a run brings into its VMs, as a tar on their second disk, which they
unpack to /opt/box:

    guest/    what sets a VM up
    lib/      the tests' own modules
    product/  what a user installs: packages of the working tree
"""

import os
import shutil
import tarfile

from tests import ROOT
from tests.e2e.box.image import GUEST
from tests.support.packages import building


def make(directory):
    """Path of the tar."""
    tree = os.path.join(directory, "payload")
    product = os.path.join(tree, "product")
    os.makedirs(product)
    shutil.copytree(GUEST, os.path.join(tree, "guest"))
    _copy_tests(os.path.join(tree, "lib", "tests"))
    source = building.Source(os.path.join(directory, "source"))
    for package in source.build("debian"):
        shutil.copy(package, product)
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

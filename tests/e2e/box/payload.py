# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a run brings into its VMs, as a tar on their second disk, which they
unpack to /opt/box:

    guest/    what sets a VM up
    lib/      the tests' own modules
    product/  what a user installs: packages of the working tree
    sdk/      the engine's SDK, if it is here: Debian has no package of it
"""

import compileall
import importlib.util
import os
import py_compile
import shutil
import tarfile

from tests import ROOT
from tests.e2e.box.image import GUEST
from tests.support.packages import building

_COMPILED = shutil.ignore_patterns("__pycache__")


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
    _copy_sdk(os.path.join(tree, "sdk"))
    path = os.path.join(directory, "payload.tar")
    with tarfile.open(path, "w", dereference=True) as tar:
        tar.add(tree, arcname=".")
    # A disk is made of sectors.
    size = os.path.getsize(path)
    os.truncate(path, size + -size % 512)
    return path


def _copy_sdk(target):
    """
    The extension in it is for this Python, which is the one of the machines.
    Compiled, since its modules are large, and those who import it there may
    write no .pyc.
    """
    os.makedirs(target)
    found = importlib.util.find_spec("ovirtsdk4")
    if found is None:
        return
    copied = os.path.join(target, "ovirtsdk4")
    shutil.copytree(os.path.dirname(found.origin), copied, ignore=_COMPILED)
    compileall.compile_dir(
        copied,
        quiet=1,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _copy_tests(target):
    for name in ("support", os.path.join("e2e", "inside")):
        source = os.path.join(ROOT, "tests", name)
        shutil.copytree(source, os.path.join(target, name), ignore=_COMPILED)
    for name in ("", "e2e"):
        init = os.path.join(name, "__init__.py")
        shutil.copy(
            os.path.join(ROOT, "tests", init), os.path.join(target, init)
        )

# SPDX-License-Identifier: GPL-2.0-or-later
"""The modules of the product, as text."""

import os

from tests import ROOT

PACKAGE = "vdsm_backup"


def modules():
    """{dotted name below the package: path} of all modules."""
    found = {}
    top = os.path.join(ROOT, PACKAGE)
    for directory, _, names in os.walk(top):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(directory, name)
                dotted = os.path.relpath(path, top)[:-3].replace(os.sep, ".")
                found[dotted] = path
    return found


MODULES = modules()


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()

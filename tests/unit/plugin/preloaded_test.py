# SPDX-License-Identifier: GPL-2.0-or-later
"""
An upgrade replaces the package under a VDSM that runs. So VDSM has loaded all
that it will need of it when the plugin is in place.
"""

import ast
import os

from tests import ROOT

PACKAGE = "vdsm_backup"
INSTALL = "vdsm_backup.plugin.install"

# Imported by functions that VDSM never calls, and why it does not.
NEVER = {
    "vdsm_backup.storage.direct": "VDSM reads its domains itself",
    "vdsm_backup.vm.followers": "VDSM is never forked",
}


def test_nothing_is_left_for_later():
    loaded, later = reachable(INSTALL)
    assert "vdsm_backup.guard.verdict" in loaded
    assert later - loaded == NEVER.keys()


def test_an_import_in_a_function_is_seen():
    now, later = imported_by("vdsm_backup.config_files")
    assert "vdsm_backup.config_plain" in now
    assert "vdsm_backup.config_parser" in later


def reachable(module):
    """What importing a module loads of ours, and what functions load later."""
    loaded, later, left = set(), set(), [module]
    while left:
        module = left.pop()
        if module not in loaded:
            loaded.add(module)
            now, late = imported_by(module)
            later |= late
            left += now
    return loaded, later


def imported_by(module):
    with open(path_of(module)) as f:
        tree = ast.parse(f.read())
    now, later = set(), set()
    collect(tree, now, later)
    return now, later


def collect(node, now, later):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(
            child.test
        ):
            continue
        if isinstance(child, ast.ImportFrom):
            now.update(modules(child))
        in_function = isinstance(child, ast.FunctionDef)
        collect(child, later if in_function else now, later)


def modules(node):
    if not (node.module or "").startswith(PACKAGE):
        return
    for alias in node.names:
        name = f"{node.module}.{alias.name}"
        yield name if os.path.exists(path_of(name)) else node.module


def path_of(module):
    path = os.path.join(ROOT, *module.split("."))
    return path + ("/__init__.py" if os.path.isdir(path) else ".py")

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which package may import which: the doors of the house, as a test.

Imports inside functions count, and so do those in strings that name a module
of ours: a child process imports what it is started as.
"""

import ast
import contextlib
import os
import re
import sys

import pytest

from tests import ROOT
from tests.support.modules import MODULES, PACKAGE, read

# What a package may import of ours, besides itself: packages, or modules of
# a package.
MAY_IMPORT = {
    "errors": "",
    "text": "",
    "record": "",
    "prometheus": "",
    "config": "errors config_files config_plain config_values",
    "config_values": "errors text",
    "config_in_part": "errors config config_values",
    "config_files": "errors config_plain config_parser",
    "config_plain": "",
    "config_parser": "errors config_plain",
    "metadata": "errors text",
    "processes": "errors",
    "host": "errors text record config processes",
    "fileio": "errors processes",
    "lvm": "errors text processes host.devices",
    "vm": "errors text record processes host.mounts host.block_stack",
    "storage": "errors text metadata fileio lvm processes host.mounts"
    " host.devices vm.links vm.paths",
    "lease": "errors text processes",
    "users": "errors text vm host processes",
    "guard": "errors text record metadata vm processes host.mounts"
    " host.journal"
    " storage.base storage.direct",
    "change": "errors text metadata processes host.journal storage.base",
    "hooks": "errors text record config vm.domxml vm.paths host.user guard",
    "plugin": "errors text config config_parser metadata processes host vm"
    " users"
    " storage.base guard change",
    "doctor": "errors text config metadata processes host fileio lvm vm"
    " storage lease users guard change",
    "verify": "errors text config metadata processes host.devices host.mounts"
    " lvm storage lease change.history change.copy_record",
    "bridge": "errors text prometheus processes",
    "cli": "errors text prometheus config config_in_part metadata processes"
    " host fileio lvm"
    " vm storage lease users guard change doctor verify",
    "__main__": "cli",
}

# One module may more than its package.
EXCEPTIONS = {
    "change.writer": "storage.locate",
    # A child is asked.
    "doctor.installed": "hooks.answer plugin.install",
    "change.through_vdsm": "host.vdsm_client",
    "hooks.answer": "processes.defaults processes.forking",
    # On hosts.
    "bridge.agent": "config host.journal",
    # Both pure: the text of a file, and a table of checksums.
    "bridge.settings": "config_parser",
    "bridge.host_hooks": "doctor.sums",
}

# Modules outside the standard library. We may count on no other.
FOREIGN = {
    # On the engine's side.
    "bridge.connection": {"ovirtsdk4", "pycurl"},
    "bridge.session": {"ovirtsdk4", "pycurl"},
    "bridge.answers": {"ovirtsdk4"},
    "bridge.event_reader": {"ovirtsdk4"},
    "bridge.engine": {"ovirtsdk4"},
    # In a child, too.
    "doctor.installed": {"vdsm"},
    "host.vdsm_client": {"vdsm"},
    "fileio.ioprocess": {"ioprocess"},
    "users.running_vms": {"libvirt"},
    "lease": {"sanlock"},
    "plugin": {"vdsm", "ioprocess", "sanlock", "libvirt"},
}

# `metadata` is pure.
NOT_IN_METADATA = {"os", "socket", "subprocess", "io", "shutil", "pathlib"}


def imported(text):
    """Dotted names of all that this code imports, wherever in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            # What it says of itself, like __version__, is no door.
            if isinstance(node.value, ast.Name) and node.value.id == PACKAGE:
                if not node.attr.startswith("__"):
                    yield f"{PACKAGE}.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides the door"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                below = whole.partition(".")[2]
                is_module = below in MODULES or f"{below}.__init__" in MODULES
                yield whole if is_module else node.module
        elif isinstance(node, ast.JoinedStr):
            yield from imported_by_text(_beginning(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from imported_by_text(node.value)


def imported_by_text(text):
    """
    What a string imports: one that names a module or a package, and code. A
    string with fields counts by what is before the first one.
    """
    if re.fullmatch(rf"{PACKAGE}\.[\w.]+", text):
        below = text.rstrip(".").partition(".")[2]
        if below in MODULES or f"{below}.__init__" in MODULES:
            yield f"{PACKAGE}.{below}"
    elif f"import {PACKAGE}" in text or f"from {PACKAGE}" in text:
        with contextlib.suppress(SyntaxError):
            yield from imported(text)


def _beginning(node):
    first = node.values[0] if node.values else None
    value = getattr(first, "value", None)
    return value if isinstance(value, str) else ""


def ours(text):
    prefix = PACKAGE + "."
    return {
        name[len(prefix) :]
        for name in imported(text)
        if name.startswith(prefix)
    }


def door(module):
    return module.partition(".")[0]


def forbidden(module, text):
    """Modules of ours that this one imports and may not."""
    allowed = {door(module), *MAY_IMPORT[door(module)].split()}
    allowed |= set(EXCEPTIONS.get(module, "").split())
    return {
        name
        for name in ours(text)
        if name not in allowed and door(name) not in allowed
    }


def test_all_doors_are_known():
    assert {door(name) for name in MODULES} - {"__init__"} == set(MAY_IMPORT)


def test_contributing_shows_the_doors():
    with open(os.path.join(ROOT, "CONTRIBUTING.md"), encoding="utf-8") as f:
        text = f.read().partition("## The map")[2].partition("\n## ")[0]
    shown = {}
    for name, allowed in re.findall(
        r"^\| `(.*?)` \|.*\| (.*) \|$", text, re.M
    ):
        names = re.findall(r"`([\w.]+)`", allowed)
        assert names or allowed == "nothing"
        shown[re.sub(r"\.py$|/$", "", name)] = names
    assert shown == {name: may.split() for name, may in MAY_IMPORT.items()}
    for module, more in EXCEPTIONS.items():
        assert f"`{module.replace('.', '/')}.py`" in text, module
        for name in more.split():
            assert f"`{name}`" in text or f"`{door(name)}`" in text, name


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"__init__"}))
def test_imports_of_ours(module):
    assert forbidden(module, read(MODULES[module])) == set()


@pytest.mark.skipif(
    sys.version_info < (3, 10), reason="Python tells its modules since 3.10"
)
def test_nothing_from_elsewhere():
    known = {*sys.stdlib_module_names, PACKAGE}
    found = {}
    for module, path in MODULES.items():
        foreign = {door(name) for name in imported(read(path))} - known
        foreign -= FOREIGN.get(module, set())
        foreign -= FOREIGN.get(door(module), set())
        if foreign:
            found[module] = foreign
    assert found == {}


def test_the_client_of_vdsm_is_imported_when_it_is_needed():
    tree = ast.parse(read(MODULES["host.vdsm_client"]))
    at_once = {
        node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and door(node.module) == "vdsm"
    }
    names = set(imported(read(MODULES["host.vdsm_client"])))
    assert at_once == set()
    assert {n for n in names if door(n) == "vdsm"} == {"vdsm", "vdsm.config"}


def test_what_takes_long_to_import_is_of_the_plugin():
    """VDSM is started once, and a command or a hook thousands of times."""
    found = {
        module
        for module, path in MODULES.items()
        if door(module) != "plugin" and "dataclasses" in imported(read(path))
    }
    assert found == set()


def test_metadata_is_pure():
    found = {
        (module, name)
        for module, path in MODULES.items()
        for name in imported(read(path))
        if door(module) == "metadata" and door(name) in NOT_IN_METADATA
    }
    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        "from vdsm_backup.storage import file",
        "from vdsm_backup.storage.file import FileStorage",
        "import vdsm_backup.storage.file",
        "def f():\n    from vdsm_backup.storage import file",
        "class A:\n    def f(self):\n        import vdsm_backup.storage.file",
        "if TYPE_CHECKING:\n    from vdsm_backup.storage import file",
        "CHILD = 'vdsm_backup.storage.file'",
        "import vdsm_backup.storage.file as x",
        "importlib.import_module('vdsm_backup.storage.file')",
        "__import__('vdsm_backup.storage.file')",
        "exec('from vdsm_backup.storage import file')",
        "CODE = 'import sys; import vdsm_backup.storage.file'",
    ],
)
def test_an_import_is_seen_wherever_it_stands(text):
    assert forbidden("lease.client", text) == {"storage.file"}
    assert forbidden("storage.block", text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "from vdsm_backup import storage",
        "import_module('vdsm_backup.storage')",
        "import_module(f'vdsm_backup.storage.{name}')",
        "from vdsm_backup.storage import *",
        "import vdsm_backup\nvdsm_backup.storage.file.FileStorage",
    ],
)
def test_an_import_of_a_package_is_seen(text):
    assert forbidden("lease.client", text) == {"storage"}


def test_a_relative_import_would_hide_the_door():
    with pytest.raises(AssertionError):
        forbidden("lease.client", "from .storage import file")

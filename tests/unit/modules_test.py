# SPDX-License-Identifier: GPL-2.0-or-later
"""What a package says of its modules, and modules of errors of the system."""

import ast
import builtins
import os
import re

import pytest

from tests import ROOT
from tests.support.modules import MODULES, read


def test_a_package_is_a_docstring():
    """Names are imported from modules, so that a hook imports little."""
    for module, path in MODULES.items():
        if module.endswith("__init__"):
            body = ast.parse(read(path)).body
            rest = [ast.unparse(node) for node in body[1:]]
            assert ast.get_docstring(ast.parse(read(path))), module
            assert all(s.startswith("__version__ = ") for s in rest), module


def packages():
    return sorted({os.path.dirname(path) for path in MODULES.values()})


@pytest.mark.parametrize(
    "package", packages(), ids=lambda path: os.path.relpath(path, ROOT)
)
def test_a_package_names_its_modules(package):
    """Each once: `    name.py   what it is for`, and packages as `name/`."""
    text = ast.get_docstring(ast.parse(read(f"{package}/__init__.py")))
    listed = re.findall(r"^    (\w+(?:\.py|/)) +\S", text, re.M)
    expected = {name for name in os.listdir(package) if name.endswith(".py")}
    expected |= {
        f"{os.path.basename(below)}/"
        for below in packages()
        if os.path.dirname(below) == package
    }
    assert sorted(listed) == sorted(expected - {"__init__.py"})


def of_the_system(handler):
    """Whether a handler names an exception that may be an OSError."""
    kinds = [
        getattr(builtins, getattr(node, "id", ""), None)
        for node in ast.walk(handler.type or ast.Pass())
    ]
    return any(isinstance(k, type) and issubclass(k, OSError) for k in kinds)


def whole_texts(node, name):
    """The nodes that make a text of the whole exception of this name."""
    if "strerror" in ast.dump(node) and isinstance(node, ast.BoolOp):
        # A reason that has no words.
        return
    called = getattr(getattr(node, "func", None), "id", "")
    if isinstance(node, ast.FormattedValue) or called == "str":
        value = node.value if not called else node.args[0]
        if getattr(value, "id", "") == name:
            yield node
    for child in ast.iter_child_nodes(node):
        yield from whole_texts(child, name)


def test_no_text_has_the_number_of_an_error_of_the_system():
    """Python's "[Errno 13]" helps nobody: see os_reason() in text.py."""
    found = []
    for path in MODULES.values():
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.ExceptHandler) and of_the_system(node):
                texts = whole_texts(node, node.name)
                found += [f"{path}:{text.lineno}" for text in texts]
    assert found == []

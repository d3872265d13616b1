# SPDX-License-Identifier: GPL-2.0-or-later
"""
VDSM in the box: what can be imported of it on this machine, at the same paths
there, with all that it imports and the box does not have; and tests/vdsm.

Both are Debian with the same Python, so files of packages can be brought, and
the image of the box needs no more for it.
"""

import base64
import functools
import io
import json
import os
import subprocess
import sys
import tarfile

from tests import ROOT
from tests.e2e.box import vdsm_imports
from tests.e2e.box.vm import program

# Where tests/ is in the box.
HOME = "/opt/vdsm-tests"


@functools.lru_cache(maxsize=None)
def find():
    """{"files": {module: file}, "path", "commands"}; a text: why not."""
    done = subprocess.run(
        [sys.executable, vdsm_imports.__file__],
        cwd="/",
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2]
        return f"VDSM cannot be imported on this machine: {reason}"
    return json.loads(done.stdout)


def missing():
    """Why VDSM cannot be brought into the box, or ""."""
    found = find()
    return found if isinstance(found, str) else ""


def bring(vm):
    """The environment in which the VM then runs python3."""
    found = find()
    lacks = _ask(vm, sorted(found["files"]), [])
    assert lacks["version"] == list(sys.version_info[:2]), lacks
    trees = [_tree(found["files"][name]) for name in lacks["modules"]]
    libraries = _libraries(trees + found["commands"])
    trees += found["commands"] + _ask(vm, [], libraries)["files"]
    vm.run(
        f"base64 -d | tar xz -C / && mkdir -p {HOME} /run/vdsm",
        input=_packed({path: path for path in trees}),
    )
    tests = {os.path.join(ROOT, "tests"): os.path.join(HOME, "tests")}
    vm.run("base64 -d | tar xz -C /", input=_packed(tests))
    bases = {os.path.dirname(path) for path in trees}
    path = [entry for entry in found["path"] if entry in bases]
    return {"PYTHONPATH": ":".join(path)}


def _ask(vm, *args):
    command = program("tests.e2e.inside.lacking", *map(json.dumps, args))
    return vm.run(command).json


def _tree(path):
    """The package of a module's file, or the file itself."""
    directory, name = os.path.split(path)
    return directory if name == "__init__.py" else path


def _libraries(trees):
    """Paths of shared libraries that something in there is linked with."""
    found = set()
    for path in trees:
        objects = [path] if os.path.isfile(path) else []
        for directory, _, names in os.walk(path):
            objects += [
                os.path.join(directory, n) for n in names if ".so" in n
            ]
        for one in objects:
            # Of what is no ELF file it says so, and nothing else.
            done = subprocess.run(["ldd", one], capture_output=True, text=True)
            words = done.stdout.split()
            found |= {
                word
                for arrow, word in zip(words, words[1:])
                if arrow == "=>" and word.startswith("/")
            }
    return sorted(found)


def _packed(trees):
    """{path here: path there} as a tar, for `base64 -d | tar xz -C /`."""

    def wanted(info):
        name = os.path.basename(info.name)
        unwanted = name == "__pycache__" or name.endswith(".pyc")
        return None if unwanted else info

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", dereference=True) as tar:
        for here, there in trees.items():
            tar.add(here, arcname=there.lstrip("/"), filter=wanted)
    return base64.b64encode(packed.getvalue()).decode()

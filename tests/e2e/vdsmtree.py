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

from tests.support.storage.backends import ROOT

# Where tests/ is in the box.
HOME = "/opt/vdsm-tests"

# What the tests in there import; VDSM's own packages are whole in any case.
_IMPORTS = """
import json, sys, sysconfig
import pytest, ioprocess.config
import vdsm.API, vdsm.client, vdsm.clientIF
import vdsm.rpc.bindingjsonrpc, vdsm.storage.dispatcher, vdsm.storage.hsm
import vdsm.virt.vm, yajsonrpc.stompserver
found = {
    name: getattr(module, "__file__", None)
    for name, module in sys.modules.items()
    if "." not in name and name not in ("__main__", "vdsm_backup")
}
stdlib = sysconfig.get_path("stdlib")
print(json.dumps({
    "files": {
        name: path for name, path in found.items()
        if path and not path.startswith(f"{stdlib}/")
        and "__editable__" not in name
    },
    "path": sys.path,
    "commands": [ioprocess.config.IOPROCESS_PATH],
}))
"""

_LACKS = """
import importlib.util, json, os, sys
print(json.dumps({
    "modules": [n for n in args[0] if not importlib.util.find_spec(n)],
    "files": [path for path in args[1] if not os.path.exists(path)],
    "version": sys.version_info[:2],
}))
"""


@functools.lru_cache(maxsize=None)
def find():
    """{"files": {module: file}, "path", "commands"}; a text: why not."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS],
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
    code = f"import json\nargs = json.loads({json.dumps(args)!r})\n"
    return vm.python(code + _LACKS).json


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

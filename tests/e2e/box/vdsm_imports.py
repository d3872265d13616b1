# SPDX-License-Identifier: GPL-2.0-or-later
"""
What tests/vdsm imports on this machine, as JSON: {"files": {module: file},
"path", "commands"}. Run by its path, by vdsmtree.py: no module of ours is
loaded then.
"""

import importlib
import json
import sys
import sysconfig

# VDSM's own packages are whole in any case.
IMPORTED = """
    pytest ioprocess.config yajsonrpc.stompserver
    vdsm.API vdsm.client vdsm.clientIF vdsm.rpc.bindingjsonrpc
    vdsm.storage.dispatcher vdsm.storage.hsm vdsm.virt.vm
""".split()


def is_brought(name, path):
    stdlib = sysconfig.get_path("stdlib")
    known = "." in name or name[:2] == "__" or name == "vdsm_backup"
    return not known and path and not path.startswith(f"{stdlib}/")


if __name__ == "__main__":
    modules = {name: importlib.import_module(name) for name in IMPORTED}
    files = {
        name: getattr(module, "__file__", None)
        for name, module in sys.modules.items()
    }
    found = {
        "files": {
            name: path
            for name, path in files.items()
            if is_brought(name, path)
        },
        "path": sys.path,
        "commands": [modules["ioprocess.config"].IOPROCESS_PATH],
    }
    print(json.dumps(found))

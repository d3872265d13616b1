# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is put in place in VDSM; a process of its own, since it stays there.

    python -m tests.vdsm.inside.install MODULE ATTRIBUTE
        Takes the attribute away, if one is named, and installs, twice; says
        in JSON ([problems, what was touched], again, is it installed).
    python -m tests.vdsm.inside.install MODULE... import
        Fails if to import the modules touches anything.
"""

import importlib
import json
import sys

OWNERS = [
    "storage.persistent:PersistentDict",
    "storage.sp:StoragePool",
    "storage.hsm:HSM",
    "API:StorageDomain",
    "api.vdsmapi:Schema",
    "API:VM",
    "virt.vm:Vm",
    "clientIF:clientIF",
    # A module, which VDSM has imported by now.
    "storage:lvm",
]


def snapshot():
    found = {}
    for owner in OWNERS:
        module, _, name = owner.partition(":")
        cls = getattr(importlib.import_module(f"vdsm.{module}"), name, None)
        for attribute, value in vars(cls).items() if cls else ():
            found[f"{name}.{attribute}"] = id(value)
    bridge = importlib.import_module("vdsm.rpc.Bridge")
    for key in getattr(bridge, "command_info", ()):
        found[key] = True
    return found


def touch():
    from vdsm_backup import config
    from vdsm_backup.plugin import install

    before, problems = snapshot(), []
    try:
        install.install(config.load())
    except install.Incompatible as e:
        problems = e.problems
    after = snapshot()
    return problems, sorted(k for k in after if after[k] != before.get(k))


def remove(module, name):
    owner = importlib.import_module(module)
    *classes, name = name.split(".")
    for part in classes:
        owner = getattr(owner, part)
    delattr(owner, name)


def main(*modules, name):
    if name == "import":
        before = snapshot()
        for module in modules:
            importlib.import_module(module)
        assert snapshot() == before
        return
    if name:
        remove(*modules, name)
    from vdsm_backup.plugin import install

    print(json.dumps([touch(), touch(), install.installed()]))


if __name__ == "__main__":
    main(*sys.argv[1:-1], name=sys.argv[-1])

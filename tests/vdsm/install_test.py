# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin in the real VDSM: compatibility, loading, strict mode."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests import ROOT
from tests.support import outside, programs
from tests.support.vdsm import launching
from tests.support.vdsm.vdsmhost import Failed
from tests.vdsm.inside import storage

MODULES = [
    name[: -len(".py")]
    for name in os.listdir(os.path.join(ROOT, "vdsm_backup", "plugin"))
    if name.endswith(".py")
]


def check(module="", attribute=""):
    done = programs.run("tests.vdsm.inside.install", module, attribute)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_in_place_once():
    (problems, touched), again, installed = check()
    assert problems == []
    assert touched == [
        "HSM._recycle",
        "HSM.createVolume",
        "HSM.getStorageDomainBackup",
        "HSM.getStorageDomainInfo",
        "HSM.setStorageDomainBackup",
        "PersistentDict._flush",
        "PersistentDict.transaction",
        "PersistentDict.update",
        "Schema.__init__",
        "StorageDomain.getBackup",
        "StorageDomain.setBackup",
        "StorageDomain_getBackup",
        "StorageDomain_setBackup",
        "StoragePool.setSDBackup",
        "VM.migrationCreate",
        "Vm._preparePathsForDrives",
        "Vm.diskReplicateStart",
        "Vm.hotplugDisk",
        "Vm.merge",
        "Vm.preparePaths",
        "Vm.snapshot",
        "clientIF.prepareVolumePath",
        "lvm._initpvs",
    ]
    assert again == [[], []]
    assert installed


def test_import_touches_nothing():
    """Only install() does."""
    modules = [f"vdsm_backup.plugin.{name}" for name in MODULES]
    programs.run("tests.vdsm.inside.install", *modules, "import", check=True)


@pytest.mark.parametrize(
    "module, attribute",
    [
        ("vdsm.storage.persistent", "PersistentDict._flush"),
        ("vdsm.storage.hsm", "HSM.getStorageDomainInfo"),
        ("vdsm.storage.sp", "StoragePool._assert_sd_in_pool"),
        ("vdsm.storage.lvm", "invalidateVG"),
        ("vdsm.rpc.Bridge", "command_info"),
        ("vdsm.API", "StorageDomain"),
        ("vdsm.virt.vm", "Vm.hotplugDisk"),
        ("vdsm.storage.sp", "StoragePool.validateSPM"),
    ],
)
def test_one_attribute_is_missing(module, attribute):
    (problems, touched), again, installed = check(module, attribute)
    assert f"{module}:{attribute}" in " ".join(problems)
    assert touched == []
    assert again == [problems, []]
    assert not installed


# Loading


def found(*candidates):
    for path in candidates:
        if os.path.exists(path):
            return path
    pytest.skip(f"none of these is there: {candidates}")


def checkout(name):
    import vdsm

    top = os.path.dirname(os.path.dirname(os.path.dirname(vdsm.__file__)))
    return os.path.join(top, name)


def test_drop_in_differs_from_vdsms_own_line_in_the_target_only():
    unit = found(
        "/usr/lib/systemd/system/vdsmd.service",
        checkout("static/usr/lib/systemd/system/vdsmd.service.in"),
    )
    drop_in = "contrib/systemd/vdsmd.service.d/50-vdsm-backup.conf"
    with open(unit) as f:
        theirs = re.search("^ExecStart=.+$", f.read(), re.M)[0]
    with open(os.path.join(ROOT, drop_in)) as f:
        ours = re.search("^ExecStart=.+$", f.read(), re.M)[0]
    theirs = theirs.replace("@LIBEXECDIR@", "/usr/libexec/vdsm")
    assert ours == theirs.replace(
        "/usr/libexec/vdsm/vdsmd", "/usr/libexec/vdsm-backup/vdsmd"
    )


# VDSM's main wants its own user and sudo; what is before it is real.
CUSTOM = """
from vdsm import vdsmd
def main():
    import json, os
    from vdsm_backup.plugin import install
    with open({told!r}, "w") as f:
        json.dump([install.installed(), os.environ["PYTHONPATH"]], f)
vdsmd.main = main
"""


def test_started_by_vdsms_own_adapter(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("daemonAdapter raises its priority, as root can")
    adapter = found(
        "/usr/libexec/vdsm/daemonAdapter", checkout("init/daemonAdapter")
    )
    place = launching.Place(str(tmp_path))
    place.remove_package("vdsm")
    told = str(tmp_path / "told-by-main")
    place.custom(CUSTOM.format(told=told))
    null = [x for n in "012" for x in (f"-{n}", "/dev/null")]
    path = os.environ.get("PYTHONPATH", "")
    done = subprocess.run(
        [sys.executable, adapter, *null, place.launcher],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{path}"},
    )
    assert done.returncode == 0, place.said()
    assert "the plugin is in place" in place.said()
    with open(told) as f:
        assert json.load(f) == [True, f"{place.vdsm_dir}:{ROOT}:{path}"]


# Strict mode: VDSM checks the types of all arguments and results


def test_verbs_in_strict_mode(start):
    host = start(strict=True)
    sd_id, metafile = host.do(storage.create_and_pool, host.root)
    result = host.set_backup(sd_id, True, "why", expected=False)
    assert (result["changed"], result["backup"]) == (True, True)
    host.set_backup(sd_id, False, "why")
    assert host.get_backup(sd_id)["reason"] == "why"
    for arguments in ({"backup": "true"}, {"backup": True, "reason": 1}):
        with pytest.raises(Failed) as e:
            host.set_backup(sd_id, **arguments)
        assert e.value.code == -32602  # invalid parameters, by JSON-RPC
    assert outside.read_flag(metafile).value is False


def test_info_adds_no_inconsistency_of_its_own(host):
    sd_id, _ = host.local_domain()
    with_it, without = host.do(storage.complaints, sd_id)
    assert with_it == without != []


def test_without_the_plugin_the_verbs_are_not_there(start):
    host = start(plugin=False)
    sd_id, _ = host.local_domain()
    with pytest.raises(Failed) as e:
        host.get_backup(sd_id)
    assert e.value.code == -32601  # no such method, by JSON-RPC
    assert "backup" not in host.info(sd_id)


def test_doctor_looks_without_installing():
    from vdsm_backup.doctor import checks

    (found,) = checks.plugin_fits()
    assert found.state == checks.OK

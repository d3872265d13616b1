# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: a real VDSM, with or without the plugin.

HSM, Dispatcher, Bridge and the JSON-RPC server on loopback are VDSM's own;
it is talked to by the real vdsm.client. What a test machine lacks is replaced
here, and nothing else: the privileged helper (supervdsm), the places of the
repository, what looks for new LUNs, udev, whether qemu may enter a directory.
Its VMs are in vdsmvirt.py; tests of verbs put stand-ins into the list of them.

Run by vdsmhost.py with JSON as the argument. Afterwards it takes lines of
{"module": NAME, "name": NAME, "args": LIST}, calls that function here, which
reaches all this by inside.py, and answers what it returns. For what is a line
of code, {"code": TEXT, "args": LIST}: it answers what that say()s.
"""

import importlib
import json
import logging
import os
import sys
import threading
import types
from collections import defaultdict

from tests.support.vdsm import inside
from tests.support.waiting import wait_until


class NoHelper:
    """supervdsm: each of its calls succeeds and does nothing."""

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


class Vm:
    """What vms.py uses of a VM; tests/vdsm compares it with VDSM's."""

    def __init__(self, name, xml="<domain/>", drives=(), status="Up"):
        self.name = name
        self.lastStatus = status
        self.domain = types.SimpleNamespace(xml=xml)
        self.drives = [types.SimpleNamespace(**d) for d in drives]

    def getDiskDevices(self):
        return self.drives


def replace_the_host(root, io_timeout, luns):
    from vdsm.common import hooks, supervdsm, udevadm
    from vdsm.config import config
    from vdsm.storage import (
        clusterlock,
        fileSD,
        lvm,
        managedvolumedb,
        mount,
        mpathhealth,
        multipath,
    )
    from vdsm.storage import constants as sc

    supervdsm.getProxy = NoHelper
    # A machine may have some, ours among them, for the usual places.
    hooks.P_VDSM_HOOKS = f"{root}/hooks"
    sc.REPO_DATA_CENTER = f"{root}/dc"
    sc.REPO_MOUNT_DIR = f"{root}/dc/mnt"
    sc.P_VDSM_STORAGE = f"{root}/run"
    for name in ("dc", "run", "tasks", "backups"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    config.set("irs", "hsm_tasks", f"{root}/tasks")
    config.set("irs", "md_backup_dir", f"{root}/backups")
    managedvolumedb.DB_FILE = f"{root}/managedvolume.db"
    if not os.path.exists(managedvolumedb.DB_FILE):
        managedvolumedb.create_db()
    config.set("sanlock", "io_timeout", str(io_timeout))
    clusterlock.SANLock._io_timeout = io_timeout
    multipath.rescan = lambda: None
    multipath.resize_devices = lambda: None
    devices = multipath.getMPDevNamesIter
    # Of all that the machine may have, what it is told that it may write to.
    multipath.getMPDevNamesIter = lambda: (
        path for path in devices() if os.path.basename(path) in luns
    )
    lvm.bootstrap = lambda *args, **kwargs: None
    fileSD.validateDirAccess = lambda path: True
    mpathhealth.Monitor.start = lambda self: None
    udevadm.settle = lambda timeout: None
    # It would take the file behind a loop device for what is mounted.
    mount._resolveLoopDevice = lambda path: path


def start(request):
    """Returns the port."""
    from vdsm.config import config

    config.set("devel", "api_strict_mode", str(request["strict"]))
    replace_the_host(request["root"], request["io_timeout"], request["luns"])
    if request["plugin"]:
        from vdsm_backup import config as config_module
        from vdsm_backup.plugin import install

        if request["own_config"]:
            # The host's own, which the launcher may not be able to read.
            config_module.PATH = request["config"]
            install.install(None)
        else:
            install.install(config_module.load(request["config"]))

    from vdsm.clientIF import clientIF
    from vdsm.storage.dispatcher import Dispatcher
    from vdsm.storage.hsm import HSM

    from tests.support.vdsm import vdsmvirt

    hsm = HSM()
    connection = vdsmvirt.replace_libvirt()
    cif = vdsmvirt.ClientIF(Dispatcher(hsm))
    clientIF.getInstance = staticmethod(lambda *args, **kwargs: cif)
    wait_until(lambda: hsm.ready)
    vars(inside).update(
        hsm=hsm, cif=cif, Vm=Vm, libvirt=connection, done=vdsmvirt.done
    )
    return serve(cif, request["listen"])


def serve(cif, address):
    from vdsm import jobs, schedule
    from vdsm.common.time import monotonic_time
    from vdsm.protocoldetector import MultiProtocolAcceptor
    from vdsm.rpc.bindingjsonrpc import BindingJsonRpc
    from vdsm.rpc.Bridge import DynamicBridge
    from yajsonrpc.betterAsyncore import Reactor
    from yajsonrpc.stompserver import StompDetector

    reactor = Reactor()
    acceptor = MultiProtocolAcceptor(reactor, address, 0, None)
    scheduler = schedule.Scheduler(name="rpc", clock=monotonic_time)
    scheduler.start()
    jobs.start(scheduler, cif)
    bridge = DynamicBridge()
    binding = BindingJsonRpc(bridge, defaultdict(list), 60, scheduler, cif)
    binding.start()
    acceptor.add_detector(StompDetector(binding))
    threading.Thread(target=reactor.process_requests, daemon=True).start()
    return acceptor._port


def say(value):
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def obey():
    for line in sys.stdin:
        try:
            said = run(**json.loads(line))
        except Exception as e:  # whatever the code of a test does
            say({"failed": f"{type(e).__name__}: {e}"})
        else:
            say({"said": said})


def run(args, module=None, name=None, code=None):
    if module:
        return getattr(importlib.import_module(module), name)(*args)
    said = []
    exec(code, {**vars(inside), "say": said.append, "args": args})
    return said


if __name__ == "__main__":
    # What VDSM prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.basicConfig(
        level=os.environ.get("VDSM_TEST_LOG", "WARNING"),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    say({"port": start(json.loads(sys.argv[1]))})
    obey()
    # Threads of VDSM that wait for storage do not end.
    os._exit(0)

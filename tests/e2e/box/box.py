# SPDX-License-Identifier: GPL-2.0-or-later
"""
The box: two hosts and their storage, three virtual machines.

    storage  exports NFS and iSCSI LUNs at 10.77.0.1
    host1    each has a link of its own to storage, which can be cut,
    host2    and both have the same raw disks, as of an FC array

The hosts do not see each other but on storage. The network is made of unix
sockets between the qemus: nothing of it is on this machine.

A fourth one, host3, is alone, and is booted by systemd, for its tests only.
"""

import concurrent.futures
import contextlib
import os
import shutil
import time

from tests.e2e.box import image, payload
from tests.e2e.box.channel import Gone
from tests.e2e.box.vm import Vm, program
from tests.support import rundir
from tests.support.processes import qemu

LUN_SIZE = 8 * 1024**3

# WWNs of the raw disks; multipath puts a 3 before them.
SHARED = ("0x5000c50000000a01", "0x5000c50000000a02", "0x5000c50000000a03")

# Logs of so many failed runs are kept.
KEPT = 5

# What is asked of a VM for the logs, when a test has failed.
_SIGHT = """\
echo "== $(date)"; dmesg | tail -n 60
echo '== processes'; ps axf -o pid,stat,args
echo '== sanlock'; timeout 10 sanlock client status
tail -n 40 /var/log/sanlock.log
echo '== mounts'; cat /proc/mounts
echo '== device mapper'; timeout 10 dmsetup ls --tree
"""


class Host(Vm):
    """number: 1 or 2, also its host id."""

    def __init__(self, number, *args, **options):
        super().__init__(f"host{number}", *args, **options)
        self.number = number

    def tool(self, *args, check=None, user=None):
        """Done of the command; check: the exit code that it must have."""
        done = self.run(["vdsm-backup-domain", *args], user=user, check=False)
        if check is not None:
            assert done.rc == check, done
        return done

    def json(self, *args, check=0):
        return self.tool("--json", *args, check=check).json

    def listed(self):
        """What it says about all domains, by name."""
        return {d["name"]: d for d in self.json("list")["domains"]}

    def as_tool(self, *args, env=()):
        """A Job of inside/as_tool.py."""
        return self.start(program("tests.e2e.inside.as_tool", *args, env=env))

    def go_on(self, *domains):
        """What as_tool does with them, and has stopped."""
        self.run(["touch", *(f"/run/go-on.{d.sd_id}" for d in domains)])

    def join(self, domain):
        """Into its lockspace, as VDSM does with a domain that it uses."""
        if domain.block:
            lvs = " ".join(f"{domain.sd_id}/{n}" for n in ("ids", "leases"))
            devices = f"/dev/mapper/{domain.place}"
            self.run(f"lvm lvchange -qq -ay --devices {devices} {lvs}")
        self._lockspace("join", domain)

    def leave(self, domain):
        self._lockspace("leave", domain)
        if domain.block:
            devices = f"/dev/mapper/{domain.place}"
            self.run(
                f"lvm lvchange -qq -an --devices {devices} {domain.sd_id}"
            )

    def _lockspace(self, action, domain):
        args = (domain.sd_id, self.number, domain.path("ids"))
        self.run(program("tests.e2e.inside.domains", action, *args))

    def hook(self, point, xml):
        """A Job of a hook, run as VDSM does."""
        script = (
            "f=$(mktemp); cat >$f; _hook_domxml=$f"
            " exec /usr/libexec/vdsm/hooks/$1/99_vdsm_backup"
        )
        return self.start(
            ["bash", "-c", script, "hook", point], user="vdsm", input=xml
        )

    def cut_network(self, off=True):
        self.cut("link", off)

    @contextlib.contextmanager
    def no_network(self):
        self.cut_network()
        try:
            yield
        finally:
            self.cut_network(off=False)


class Booted(Host):
    """One that systemd boots, with all packages in it: guest/with_systemd."""

    KERNEL = "box.init=systemd systemd.unit=box.target"

    def __init__(self, *args, **options):
        options = {"memory": 512, "kernel": self.KERNEL, **options}
        super().__init__(3, *args, {}, **options)


class Storage(Vm):
    def __init__(self, *args, **options):
        super().__init__("storage", *args, **options)

    @contextlib.contextmanager
    def hang(self, *names, cached=True):
        """
        What it has on some of its devices does not answer: slow or hang, of
        guest/storage.sh. cached: what is in memory does, until it has to be
        written.
        """
        drop = "echo 3 >/proc/sys/vm/drop_caches"
        steps = [f"dmsetup suspend {n} --nolockfs --noflush" for n in names]
        if not cached:
            steps = ["sync", drop, *steps, drop]
        self.run("; ".join(steps))
        try:
            yield
        finally:
            self.run("; ".join(f"dmsetup resume {name}" for name in names))


class Box:
    """
    say: for people, told what takes long. note: told about each command.
    """

    def __init__(self, say, note=print):
        made = image.get(say)
        self.directory = rundir.make("e2e")
        self.logs = _logs()
        tar = payload.make(self.directory)
        shared = {}
        for wwn in SHARED:
            shared[wwn] = os.path.join(self.directory, f"lun-{wwn}")
            with open(shared[wwn], "wb") as f:
                f.truncate(LUN_SIZE)
        common = (self.directory, self.logs, made, tar)
        ends = {
            n: [os.path.join(self.directory, f"link{n}-{end}") for end in "ab"]
            for n in (1, 2)
        }
        links = {
            f"link{n}": (f"10.77.{n}.1/24", a, b) for n, (a, b) in ends.items()
        }
        self.storage = Storage(*common, links, say=note)
        self.hosts = [
            Host(
                n,
                *common,
                {"link": (f"10.77.{n}.2/24", b, a)},
                shared,
                say=note,
            )
            for n, (a, b) in ends.items()
        ]
        self.vms = [self.storage, *self.hosts]
        self.booted = Booted(*common, say=note)
        self.failed = False
        self._looked = -60

    def boot(self):
        """Starts; wait_ready() comes later."""
        for vm in self.vms:
            vm.boot()

    def wait_ready(self):
        """Raises Gone; AssertionError if it could not be set up."""
        for vm in self.vms:
            vm.wait_ready()

    def look(self, title):
        """Into the logs: how the VMs are now, when something has failed."""
        self.failed = True
        # Tests that fail by the same fixture see the same.
        if time.monotonic() < self._looked + 60:
            return
        self._looked = time.monotonic()
        for vm in (*self.vms, self.booted):
            if vm.ended():
                continue
            try:
                sight = vm.start(_SIGHT).wait(60).out
            except Gone as e:
                sight = str(e)
            path = os.path.join(self.logs, f"{vm.name}-failures.log")
            with open(path, "a") as f:
                f.write(f"==== {title}\n{sight}\n")
        # One that does not answer takes as long.
        self._looked = time.monotonic()

    def close(self):
        for vm in (*self.vms, self.booted):
            vm.kill()
        qemu.clean_stale(self.directory)
        rundir.remove(self.directory)
        if not self.failed:
            shutil.rmtree(self.logs)


def together(call, items):
    """[call(item), ...], all at the same time."""
    items = list(items)
    pool = concurrent.futures.ThreadPoolExecutor(len(items))
    try:
        return list(pool.map(call, items))
    finally:
        # After an interruption the others end with the VMs.
        pool.shutdown(wait=False, cancel_futures=True)


def _logs():
    base = os.path.join(image.cache(), "logs")
    os.makedirs(base, exist_ok=True)
    for old in sorted(os.listdir(base))[: -KEPT + 1]:
        shutil.rmtree(os.path.join(base, old))
    name = time.strftime("%Y%m%d-%H%M%S") + f"-{os.getpid()}"
    path = os.path.join(base, name)
    os.mkdir(path)
    return path

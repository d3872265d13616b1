# SPDX-License-Identifier: GPL-2.0-or-later
"""
A real libvirtd with qemu, on an island (see processes/island.py): it has a
/run, an /etc and a /var of its own, and hooks that a test puts there. It ends
with the island, and its VMs too, also when the test run is killed.

    with daemon.Libvirtd(host.hooks) as libvirtd:
        libvirtd.start(xml)           # raises Refused
        libvirtd.calls()              # of hooks, in their order

VMs are emulated, and their CPUs stand still: a disk is all that matters.
Beside the hook of ours is one that takes notes. What is there of libvirt on
the machine itself is neither used nor seen.
"""

import functools
import json
import os
import shutil
import uuid

from tests.support import programs
from tests.support.closing import Closing
from tests.support.hooks import hookrunner
from tests.support.hooks.needs import AS_VDSM, VDSM
from tests.support.processes import island
from tests.support.processes.namespace import Journal
from tests.support.waiting import wait_until

EMULATOR = "qemu-system-x86_64"

# Seconds for one call: the first start of a VM asks qemu what it can do, and
# libguestfs boots a kernel.
_TIMEOUT = 240

# A copy of /etc, since a mount point must be there for what is mounted on it,
# and libvirtd wants users that packages make. libguestfs makes its appliance
# of the packages of the host, which are listed in /var.
_OWN_FILES = """
set -e
mount -t tmpfs -o mode=755 tmpfs /mnt
cp -a /etc/. /mnt/
rm -rf /mnt/libvirt
mount --move /mnt /etc
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir -p /mnt/lib/libvirt /mnt/log /mnt/cache
mkdir -m 1777 /mnt/tmp
for packages in dpkg rpm; do
    [ -d "/var/lib/$packages" ] || continue
    mkdir "/mnt/lib/$packages"
    mount --bind "/var/lib/$packages" "/mnt/lib/$packages"
done
mount --move /mnt /var
ln -s /run /var/run
mount --bind "$0/log" /var/log
for line in libvirt-qemu:64055 qemu:107 vdsm:36; do
    user=${line%:*} id=${line#*:}
    getent passwd "$user" >/dev/null ||
        echo "$user:x:$id:$id::/:/bin/false" >>/etc/passwd
    getent group "$user" >/dev/null || echo "$user:x:$id:" >>/etc/group
done
ln -s "$0/etc" /etc/libvirt
"""

# Of root's daemon. Nothing of it asks systemd, cgroups or a security module,
# and files stay whose they are.
_LIBVIRTD = """
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_rw_perms = "0777"
unix_sock_group = "root"
"""
_QEMU = """
security_driver = "none"
namespaces = [ ]
cgroup_controllers = [ ]
dynamic_ownership = 0
stdio_handler = "file"
user = "root"
group = "root"
"""

# Beside ours, and before it. A file for each call, and all calls in one.
_TAP = """#!/bin/sh
echo "$1 $2 $3" >>{directory}/calls
exec cat >{directory}/"$1 $2 $3"
"""


class Refused(Exception):
    """libvirt has refused a call; says what libvirt says."""


@functools.lru_cache
def missing():
    """Why there can be none here, or ""."""
    if why := island.missing("libvirtd", EMULATOR):
        return why
    try:
        import libvirt  # noqa: F401
    except ImportError as e:
        return f"no libvirt: {e}"
    with island.Island() as isle:
        try:
            isle.run("sh", "-c", _OWN_FILES, isle.dir)
        except RuntimeError as e:
            return f"libvirtd can have no files of its own: {e}"
    # A package of its own has the driver, and this command.
    if not shutil.which("virt-qemu-run"):
        return "libvirtd has no driver for qemu"
    return ""


class Libvirtd(Closing):
    """
    hooks: a directory of hookrunner.install(), of which it has a copy.
    session: it is the daemon of a session of user vdsm, not root's.
    journal: takes what hooks tell.
    """

    def __init__(self, hooks, session=False):
        self._isle = island.Island()
        self.dir = self._isle.dir
        try:
            self._begin(hooks, session)
        except BaseException:
            self._isle.close()
            raise

    def _begin(self, hooks, session):
        path = self._isle.path
        for name in ("tap", "etc/hooks/qemu.d", "run/systemd"):
            os.makedirs(path(*name.split("/")))
        os.chmod(path("tap"), 0o777)
        self.journal = Journal(path("run", "systemd", "journal"))
        self._put(
            "etc/libvirtd.conf", f'{_LIBVIRTD}host_uuid = "{uuid.uuid4()}"\n'
        )
        self._put("etc/qemu.conf", _QEMU)
        tap = _TAP.format(directory=path("tap"))
        directory = path("etc", "hooks")
        hookrunner.add(directory, "qemu.d", "00_tap", tap)
        ours = os.path.join(hooks, "qemu.d", hookrunner.NAME)
        shutil.copy(ours, os.path.join(directory, "qemu.d"))
        self._isle.run("sh", "-c", _OWN_FILES, self.dir)
        # Names of sockets must be short, so this one is as it is in there.
        self._home, driver, self._as_user = "/run", "system", []
        if session:
            self._home, driver, self._as_user = "/run/vdsm", "session", AS_VDSM
            os.mkdir(self.dir + self._home)
            os.chown(self.dir + self._home, *VDSM)
        # And this one as any other daemon sees it.
        socket = f"{self.dir}{self._home}/libvirt/libvirt-sock"
        self.uri = f"qemu+unix:///{driver}?socket={socket}"
        # Not to the journal, which only has room for what hooks say.
        self._command = self.command(
            "libvirtd", LIBVIRT_LOG_OUTPUTS="3:stderr"
        )
        self._run()

    def _run(self):
        self._daemon = self._isle.start(*self._command)
        wait_until(self._answers, _TIMEOUT, self._said)

    def restart(self):
        """VMs run on without it."""
        self.stop()
        self._run()

    def stop(self):
        if self._daemon.poll() is None:
            self._isle.run("pkill", "-x", "libvirtd")
            self._daemon.wait()

    def close(self):
        self._isle.close()
        self.journal.close()

    def path(self, name):
        """For what a test makes."""
        return self._isle.path(name)

    def command(self, *command, **env):
        """What runs a command as the daemon's user, for run()."""
        env = {"HOME": self._home, "XDG_RUNTIME_DIR": self._home, **env}
        settings = [f"{key}={value}" for key, value in env.items()]
        return [*self._as_user, "env", *settings, *command]

    def inside(self):
        """What runs another command where the daemon is."""
        return self._isle.inside()

    def run(self, *command):
        """Where the daemon is; returns what it says."""
        return self._isle.run(*command, timeout=_TIMEOUT)

    # VMs

    def start(self, xml):
        self._call("start", xml=xml)

    def start_again(self, name="web1"):
        self._call("start_again", name=name)

    def managed_save(self, name="web1"):
        self._call("managed_save", name=name)

    def save(self, path, name="web1"):
        self._call("save", name=name, path=path)

    def restore(self, path):
        self._call("restore", path=path)

    def migrate(self, to, name="web1"):
        """to: another Libvirtd."""
        uri = f"unix://{to.path('migrate.sock')}"
        self._call("migrate", name=name, to=to.uri, listen=uri)

    def states(self):
        return self._call("states")

    def forget(self):
        """All VMs, and what was told of them."""
        self._call("remove")
        self.journal.entries()
        for name in os.listdir(self._isle.path("tap")):
            os.unlink(self._isle.path("tap", name))

    # What hooks were called with

    def calls(self):
        """("web1", "prepare", "begin") and so on, in their order."""
        with open(self._isle.path("tap", "calls")) as f:
            return [tuple(line.split()) for line in f]

    def operations(self):
        return [operation for _, operation, _ in self.calls()]

    def xml(self, operation, name="web1"):
        """The XML of the last call for this."""
        with open(self._isle.path("tap", f"{name} {operation} begin")) as f:
            return f.read()

    def _put(self, name, text):
        with open(self._isle.path(*name.split("/")), "w") as f:
            f.write(text)

    def _answers(self):
        try:
            return self.states() is not None
        except Refused:
            return False

    def _said(self):
        with open(self._isle.path("log", f"{self._command[0]}.out")) as f:
            return f.read()

    def _call(self, function, **more):
        request = json.dumps({"call": function, "uri": self.uri, **more})
        done = programs.run(
            "tests.support.libvirt.client",
            request,
            inside=[*self._isle.inside(), *self._as_user],
            timeout=_TIMEOUT,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        if answer and "error" in answer:
            raise Refused(answer["error"])
        return answer


def vm(*disks, name="web1", more=""):
    """A VM that is emulated; more: elements beside its devices."""
    return (
        f"<domain type='qemu'><name>{name}</name>"
        f"<uuid>{uuid.uuid5(uuid.NAMESPACE_DNS, name)}</uuid>"
        "<memory unit='MiB'>16</memory>"
        "<os><type arch='x86_64'>hvm</type></os>"
        f"{more}<devices><emulator>{shutil.which(EMULATOR)}</emulator>"
        f"{''.join(disks)}<memballoon model='none'/></devices></domain>"
    )

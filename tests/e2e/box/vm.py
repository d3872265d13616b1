# SPDX-License-Identifier: GPL-2.0-or-later
"""
A virtual machine: a qemu that ends with the test run, also when that is
killed, its network links, which can be cut, and commands in it.
"""

import json
import os
import socket
import subprocess
import time

from tests.e2e.box.channel import Channel, Gone
from tests.support import rundir

# What an emulator is fast with. Code that was at another address before is
# translated again: without norandmaps a process took three times as long to
# start. With two CPUs each, a command took four times as much of this
# machine's: its CPUs are as few, and wait for each other.
CPU = "qemu64"
FASTER = "mitigations=off norandmaps tsc=reliable"

# A kernel that boots while this machine is busy can miss the ticks that it
# waits for, and panics: "IO-APIC + timer doesn't work".
BUSY = "no_timer_check"


def program(module, *args, env=()):
    """A command: one of the tests' own modules, by the VM's system Python."""
    command = ["env", "PYTHONPATH=/opt/box/lib", *env, "python3", "-m", module]
    return [*command, *map(str, args)]


class Vm:
    """
    name: its host name. directory: of the run, a rundir. logs: a directory.
    image: an image.Image; payload: path of a tar that /opt/box is made of.
    links: {name: (address in it, socket of ours, socket of the other end)}.
    shared: paths of raw disks, by their WWNs.
    memory: MiB. kernel: more for its command line. say: told about each
    command.
    """

    def __init__(
        self,
        name,
        directory,
        logs,
        image,
        payload,
        links,
        shared=None,
        memory=768,
        kernel="",
        say=print,
    ):
        self.name = name
        self._directory = directory
        self._dir = os.path.join(directory, name)
        os.makedirs(self._dir, exist_ok=True)
        self._logs = logs
        self._links = links
        self._kernel = kernel
        self._command = [
            *("setpriv", "--pdeathsig", "KILL", "--", "qemu-system-x86_64"),
            *("-name", name, "-machine", "pc", "-nodefaults", "-no-reboot"),
            *("-accel", "tcg,thread=multi", "-cpu", CPU, "-smp", "1"),
            *("-m", str(memory), "-display", "none"),
            *("-kernel", image.kernel, "-initrd", image.initrd),
            *("-append", self._kernel_command_line()),
            *self._characters(),
            *_disk("root", image.root, "snapshot=on"),
            *_disk("payload", payload, "readonly=on"),
            *self._network(),
            *_scsi_disks(shared or {}),
            *("-device", "virtio-rng-pci"),
        ]
        self._say = say
        self._process = self.channel = None

    def boot(self):
        """Starts; wait_ready() comes later, so that several boot at once."""
        with open(self._log("qemu"), "a") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Of temporary overlays, which qemu unlinks at once.
                env={**os.environ, "TMPDIR": self._dir},
            )
        pid = self._process.pid
        self._record = os.path.join(self._directory, f"qemu-{pid}")
        with open(self._record, "w") as f:
            f.write(f"{pid} {rundir.start_time(pid)}")
        self.channel = Channel(self._path("agent"), self._note)
        self.channel.connect(self._alive)

    def wait_ready(self):
        """Raises Gone; AssertionError if guest/boot could not set it up."""
        self.channel.wait_ready(self._alive)
        self.run("cat /run/set-up.log; exit $(cat /run/set-up.rc)")

    def run(self, command, user=None, input="", check=True):
        """
        Done. command: for a shell, or a list. Raises Gone; AssertionError if
        check and the command failed.
        """
        done = self.start(command, user, input).wait()
        if check:
            shown = command if isinstance(command, str) else command[:8]
            assert done.rc == 0, f"{self.name}: {shown}: {done}"
        return done

    def start(self, command, user=None, input=""):
        """A Job."""
        argv = command
        if isinstance(command, str):
            argv = ["bash", "-c", command]
        return self.channel.start(argv, user, input)

    def kill(self):
        """The power is gone."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self.channel.close()
        os.unlink(self._record)
        self._process = None

    def ended(self):
        return self._process is None or self._process.poll() is not None

    def cut(self, name, off=True):
        """Pull the cable of a link; off=False: put it back."""
        self._qmp("set_link", name=name, up=not off)

    def plug_disk(self, name, size, wwn):
        """A new raw disk, empty, which looks as those in shared."""
        path = self._path(name)
        with open(path, "wb") as f:
            f.truncate(size)
        node = {"node-name": name, "driver": "raw"}
        file = {"driver": "file", "filename": path}
        self._qmp("blockdev-add", **node, file=file)
        device = {"driver": "scsi-hd", "drive": name, "wwn": int(wwn, 16)}
        self._qmp("device_add", id=name, **device)

    def shell_path(self):
        """Socket of a shell in it."""
        return self._path("shell")

    def _path(self, name):
        return os.path.join(self._dir, name)

    def _log(self, name):
        return os.path.join(self._logs, f"{self.name}-{name}.log")

    def _note(self, text):
        with open(self._log("commands"), "a") as f:
            f.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        self._say(f"{self.name}: {text}")

    def _alive(self):
        if self.ended():
            raise Gone(f"{self.name} has ended, see {self._log('qemu')}")

    def _kernel_command_line(self):
        addresses = ",".join(link[0] for link in self._links.values())
        return (
            f"console=ttyS0 quiet panic=-1 net.ifnames=0 {FASTER} {BUSY}"
            f" box.name={self.name} box.addresses={addresses} {self._kernel}"
        )

    def _characters(self):
        yield from ("-qmp", f"unix:{self._path('qmp')},server=on,wait=off")
        console = f"null,id=console,logfile={self._log('console')}"
        yield from ("-chardev", console)
        yield from ("-serial", "chardev:console")
        for name in ("shell", "agent"):
            path = f"path={self._path(name)},server=on,wait=off"
            yield from ("-chardev", f"socket,id={name},{path}")
        yield from ("-serial", "chardev:shell", "-device", "virtio-serial-pci")
        yield from ("-device", "virtserialport,chardev=agent,name=agent")

    def _network(self):
        for name, link in self._links.items():
            address, ours, other = link
            # Two of a link must not have the same.
            last = [int(n) for n in address.partition("/")[0].split(".")][-2:]
            yield from (
                "-netdev",
                f"dgram,id={name},local.type=unix,local.path={ours},"
                f"remote.type=unix,remote.path={other}",
            )
            yield from (
                "-device",
                f"virtio-net-pci,netdev={name},romfile=,"
                f"mac=52:54:00:00:{last[0]:02x}:{last[1]:02x}",
            )

    def _qmp(self, command, **arguments):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(self._path("qmp"))
            with s.makefile("rw") as stream:
                stream.readline()
                for request in (
                    {"execute": "qmp_capabilities"},
                    {"execute": command, "arguments": arguments},
                ):
                    stream.write(json.dumps(request) + "\n")
                    stream.flush()
                    answer = {"event": None}
                    while "event" in answer:
                        answer = json.loads(stream.readline())
                    assert "return" in answer, answer


def _disk(name, path, more):
    drive = f"id={name},file={path},format=raw,if=none,{more}"
    yield from ("-drive", drive, "-device", f"virtio-blk-pci,drive={name}")


def _scsi_disks(shared):
    """
    What a LUN of an FC array looks like: several machines have it, and it has
    a WWN. All of them write through the page cache of this machine.
    """
    if not shared:
        return
    yield from ("-device", "virtio-scsi-pci")
    for number, (wwn, path) in enumerate(shared.items()):
        drive = f"id=lun{number},file={path},format=raw,if=none"
        yield from ("-drive", f"{drive},file.locking=off")
        yield from (
            "-device",
            f"scsi-hd,drive=lun{number},share-rw=on,wwn={wwn},lun={number}",
        )

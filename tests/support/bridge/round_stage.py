# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where the commands of "The whole round" in docs/bridge.md are typed: an engine
and its host, then a second engine that gets the domain; the bridge of each as
a process, by the SDK and ssh, and the real agent and command line behind
sshd. See runbook.py.

Public methods without arguments are what the page may say that happens.
"""

import os
import re
import subprocess
import sys
import tempfile

from tests import ROOT
from tests.support import programs
from tests.support.bridge import engine as engines
from tests.support.bridge import engine_ca, engine_things
from tests.support.bridge.running import our_hooks
from tests.support.bridge.scene import RealHost
from tests.support.clifixtures import OWNER, A
from tests.support.closing import Closing
from tests.support.hooks import vmxml
from tests.support.night import Night

NAME = "backups-nfs"
ANNA = "anna@internal-authz"
VM = "5d2b6f0e-3c1a-4b7d-9e8f-00000000000a"

_BRIDGE = """\
#!/bin/sh
exec {python} -m vdsm_backup.bridge --config {config} "$@"
"""

# What differs from run to run.
_NAMES = (
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-29T03:04:05Z"),
    (r" +\n", "\n"),
    # The bridge names itself by its machine, and a column is as wide.
    (r" {2,}", "  "),
)


class Side(Closing):
    """
    One engine, and the machine of its bridge. name: engine1, engine2.
    """

    def __init__(self, name, certificates, directory, server):
        self.engine = engines.StandIn(*certificates)
        self._directory = os.path.join(directory, name)
        for part in ("state", "secrets", "bin"):
            os.makedirs(os.path.join(self._directory, part))
        self.center = engine_things.DataCenter("Default")
        self.engine.data_centers.append(self.center)
        host = engine_things.Host(
            "host1",
            self.center,
            address=server.address,
            ssh_port=server.port,
            ssh_user=server.user,
            public_key=server.key,
            spm="spm",
            hooks=our_hooks(),
        )
        self.engine.hosts.append(host)
        self.domain = None
        self._put("secrets/password", engines.PASSWORD)
        with open(server.identity) as f:
            self._put("secrets/identity", f.read())
        config = self.configure()
        script = _BRIDGE.format(python=sys.executable, config=config)
        path = self._put("bin/vdsm-backup-domain-bridge", script)
        os.chmod(path, 0o755)

    def configure(self, *lines):
        """lines: more of [bridge]. Returns the path."""
        ours = ["[engine]", f"url = {self.engine.url}"]
        ours += [f"user = {engines.USER}", f"ca_file = {self.engine.ca_file}"]
        ours += ["[bridge]", f"state = {self._directory}/state", *lines, ""]
        return self._put("bridge.conf", "\n".join(ours))

    def _put(self, name, text):
        path = os.path.join(self._directory, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o600)
        return path

    def close(self):
        self.engine.stop()

    def attach(self):
        """The domain, to the data center of this engine."""
        self.domain = engine_things.StorageDomain(NAME, self.center, id=A)
        self.engine.domains.append(self.domain)

    def types(self, line):
        """What it says: lines."""
        ours = {
            "CREDENTIALS_DIRECTORY": os.path.join(self._directory, "secrets"),
            "PATH": f"{self._directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        done = subprocess.run(
            ["sh", "-c", line],
            env=programs.environ(ours),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        # It logs what it does, and then prints what there is.
        return named(done.stderr + done.stdout).splitlines()

    def told(self):
        """The events that the bridge has added."""
        return [
            event.description
            for event in self.engine.events
            if event.origin == "vdsm-backup-domain"
        ]


def named(text):
    for pattern, name in _NAMES:
        text = re.sub(pattern, name, text)
    return text


class Stage(Closing):
    """types() is what an administrator does; all else is what happens."""

    def __init__(self):
        self._real = RealHost()
        # Short, since sockets of ssh are in it.
        self._directory = tempfile.TemporaryDirectory(
            dir=self._real.directory, prefix="r"
        )
        directory = self._directory.name
        self._night = Night(directory, "host1", "")
        self._night.on(self._real.host)
        certificates = engine_ca.make_ca(directory)
        self._second = self._real.let_in("engine2")
        self.sides = {
            "engine1": Side(
                "engine1", certificates, directory, self._real.sshd
            ),
            "engine2": Side("engine2", certificates, directory, self._second),
        }
        self._real.host.domain(sd_id=A, name=NAME, owner=OWNER, TYPE="LOCALFS")
        self._first = self.sides["engine1"]
        self._first.attach()
        self._here = os.path.join(directory, "root")
        os.mkdir(self._here)
        self._vm()

    def close(self):
        for side in self.sides.values():
            side.close()
        self._second.close()
        self._directory.cleanup()
        self._real.close()

    def _vm(self):
        """mail.xml: a VM whose disk is on the domain."""
        mount = self._real.host.mount
        images = os.path.join(mount, A, "images", vmxml.IMAGE)
        os.makedirs(images)
        path = os.path.join(images, vmxml.VOLUME)
        with open(path, "w"):
            pass
        xml = vmxml.vm(vmxml.disk(path), name="mail", uuid=VM)
        with open(os.path.join(self._here, "mail.xml"), "wb") as f:
            f.write(xml)

    def types(self, name, line):
        if name in self.sides:
            return self.sides[name].types(line)
        self._night.types(line, cwd=self._here)
        return self._night.shown()

    # What happens

    def anna_ticks_the_box(self):
        self._first.engine.edit(self._first.domain, ANNA, backup=True)

    def anna_unticks_the_box(self):
        self._first.engine.edit(self._first.domain, ANNA, backup=False)

    def an_untick_may_clear(self):
        """Host and bridge say so."""
        self._real.host.configure(bridge_allow="show, list, set, clear")
        self._first.configure("on_untick = clear")

    def anna_unticks_it_and_says_why(self):
        comment = "clear backup: copies moved to tape"
        self._first.engine.edit(
            self._first.domain, ANNA, backup=False, comment=comment
        )

    def ten_seconds_pass(self):
        """The service makes a round each five."""
        for _ in range(2):
            self._first.types("vdsm-backup-domain-bridge --once")

    def a_second_engine_imports_it(self):
        """The first one is lost."""
        self.sides["engine2"].attach()
        domain = self.sides["engine2"].domain
        self.sides["engine2"].engine.add_event(956, user=ANNA, domain=domain)

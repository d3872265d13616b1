# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bridge with all that is around it: the stand-in engine, and hosts with a real
sshd, the real agent and the real command line on domains of their own.

A host is made once, and its domains for each test. Local domains
(TYPE=LOCALFS) need no sanlock, so a change takes half a second.
"""

import os
import shutil
import sys

from tests.support import programs, rundir, testhost
from tests.support.bridge import real_agent, sshd
from tests.support.bridge.engine_things import Host, StorageDomain
from tests.support.bridge.running import Running
from tests.support.clifixtures import OWNER
from tests.support.closing import Closing
from vdsm_backup.bridge import hosts
from vdsm_backup.metadata import flag


class RealHost(Closing):
    """
    A host that a bridge reaches by ssh. identity: path of the key of that
    bridge; None: a new one. options: of its configuration.
    """

    def __init__(self, sanlock=None, identity=None, **options):
        self._identity = identity
        self.directory = rundir.make("bridgehost")
        user, group = OWNER
        self.host = testhost.Host(
            os.path.join(self.directory, "host"),
            sanlock=sanlock,
            **{"user": user, "group": group, **options},
        )
        self.sanlock_env = sanlock.env if sanlock else {}
        self.sshd = self.let_in("engine1")

    def let_in(self, name):
        """An sshd that lets in the bridge of this name."""
        words = [sys.executable, "-m", real_agent.__name__, self.host.config]
        command = " ".join([*words, "--name", name])
        found = {"PYTHONPATH": programs.environ()["PYTHONPATH"]}
        environ = {**found, **self.sanlock_env}
        return sshd.Sshd(command, environ, self._identity)

    def close(self):
        self.sshd.close()
        self.host.close()
        rundir.remove(self.directory)

    def in_engine(self, name, center, **more):
        """As an engine knows it."""
        return Host(
            name,
            center,
            address=self.sshd.address,
            ssh_port=self.sshd.port,
            ssh_user=self.sshd.user,
            public_key=self.sshd.key,
            **more,
        )


class Scene(Running):
    """
    real: its RealHost, which is the SPM. more: of the settings.
    """

    def __init__(self, stand_in, real, **more):
        self.real = real
        self.host = real.host
        self._made = []
        super().__init__(stand_in, real.in_engine, real.sshd.identity, **more)

    def close(self):
        super().close()
        for sd_id in self._made:
            shutil.rmtree(os.path.join(self.host.mount, sd_id))

    def clients(self, sockets):
        return hosts.Hosts(self.settings.identity_file, sockets)

    # What there is

    def domain(self, name="backups", backup=False, **values):
        """On storage and in the engine, attached to the data center."""
        sd_id = self.host.domain(
            name=name, owner=OWNER, **{"TYPE": "LOCALFS", **values}
        )
        self._made.append(sd_id)
        found = StorageDomain(name, self.center, id=sd_id, backup=backup)
        self.engine.domains.append(found)
        return found

    def command(self, *args):
        """The command line on the host, as an administrator."""
        env = self.real.sanlock_env
        done = self.host.process(*args, "--json", env=env)
        assert done.code == 0, done.out
        return done.json

    def set(self, domain):
        return self.command("set", domain.id, "--reason", "by hand")

    def clear(self, domain):
        return self.command("clear", domain.id, "--reason", "no more")

    def flag(self, domain):
        """(BACKUP, BACKUP_BY) on storage; None: there is none."""
        values = self.host.values(domain.id)
        return values.get(flag.BACKUP), values.get(flag.BY)

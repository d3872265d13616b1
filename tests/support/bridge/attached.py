# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bridge whose domains are attached to the pool of a real VDSM: on its host the
real command line asks VDSM, and the plugin changes the flag.
"""

import os

from tests.support import outside, rundir
from tests.support.bridge.engine_things import StorageDomain
from tests.support.bridge.scene import RealHost, Scene
from tests.support.closing import Closing
from tests.support.vdsm import vdsmhost
from vdsm_backup.metadata import flag


class VdsmHost(RealHost):
    """
    The host of a vdsmhost.Host, `vdsm`, as a bridge reaches it. Its command
    and its VDSM have one history, as on a host. options: of the command's
    configuration.
    """

    def __init__(self, vdsm, **options):
        self.vdsm = vdsm
        ours = {
            "user": os.getuid(),
            "group": os.getgid(),
            "repo_root": f"{vdsm.root}/dc",
            "dir": vdsm.history,
            "ioprocess": "auto",
            "port": vdsm.port,
            "tls": "no",
        }
        super().__init__(**{**ours, **options})


class LocalPool(Closing):
    """
    A VDSM that is the SPM of a pool of local domains. real: its host.
    """

    def __init__(self, plugin=True, **options):
        """options: of the command's configuration."""
        self._directory = rundir.make("vdsm")
        self.vdsm = self._start(plugin)
        self.domains = [self.vdsm.local_domain(name="master")[0]]
        self.sp_id = self.vdsm.pool(*self.domains)
        self.real = VdsmHost(self.vdsm, **options)

    def close(self):
        self.real.close()
        self.vdsm.stop()
        rundir.remove(self._directory)

    def domain(self, version, name):
        """A new one, attached: (UUID, path of its metadata)."""
        found = self.vdsm.local_domain(version, name)
        self.vdsm.attach(self.sp_id, found[0])
        self.domains.append(found[0])
        return found

    def restart(self, plugin=True):
        """VDSM, with or without the plugin."""
        self.vdsm.stop()
        self.vdsm = self._start(plugin)
        self.real.host.configure(port=self.vdsm.port)
        self.join()

    def join(self):
        self.vdsm.join(self.sp_id, *self.domains)
        self.vdsm.become_spm(self.sp_id)

    def _start(self, plugin):
        path = os.path.join(self._directory, "host")
        return vdsmhost.Host(path, plugin=plugin)


class AttachedScene(Scene):
    """
    pool: whose UUID is that of the data center, and whose `real` is the SPM,
    also to the engine. more: of the settings.
    """

    def __init__(self, stand_in, pool, **more):
        self.pool = pool
        # {UUID: path of its metadata}
        self._metafiles = {}
        super().__init__(stand_in, pool.real, **more)
        self.center.id = pool.sp_id

    def domain(self, name="backups", version=5, **more):
        """A new one of the pool. more: of what the engine has of it."""
        sd_id, metafile = self.pool.domain(version, name)
        self._metafiles[sd_id] = metafile
        found = StorageDomain(name, self.center, id=sd_id, **more)
        self.engine.domains.append(found)
        return found

    def flag(self, domain):
        values = outside.values(self._metafiles[domain.id])
        return values.get(flag.BACKUP), values.get(flag.BY)

    def changes(self, domain, real=None):
        """
        [(action, who, result)] of the history of a host, oldest first; by
        default of `pool.real`.
        """
        host = (real or self.real).host
        copies = host.process("--json", "history", domain.id).json["copies"]
        return [(c["action"], c["by"], c["result"]) for c in copies]

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Two hosts on one machine: what makes them two is a mount of the same storage
each, a sanlock daemon each, and a configuration and history each.
"""

import os
from dataclasses import dataclass

from tests.support import testhost
from tests.support.asuser import as_user
from tests.support.hooks.needs import no_other_user
from tests.support.lease import sanlockd
from tests.support.storage import filedomain
from vdsm_backup.fileio import choose
from vdsm_backup.storage.file import FileStorage

# VDSM's user, whom the tool becomes.
OWNER = (os.getuid(), os.getgid()) if no_other_user() else (36, 36)


class Host(testhost.Host):
    """mount: of the storage, where VDSM would have mounted it."""

    def __init__(self, name, cluster, place):
        user, group = OWNER
        super().__init__(
            cluster.path(name),
            sanlock=sanlockd.Host(name, aio=True),
            user=user,
            group=group,
        )
        self.mount = self.add_mount(place)
        cluster.mount(self.mount)

    def close(self):
        self.sanlock.stop()
        super().close()

    def does(self, *args):
        """What the command says in JSON; it must do what it was told."""
        done = self.process("--json", *args)
        assert done.code == 0, done
        return done.json

    def refuses(self, *args):
        """The error with which the command is refused."""
        done = self.process("--json", *args)
        assert done.code == 4, done
        return done.json["error"]

    def storage(self, domain, backend="embedded", timeout=10):
        io = choose.open(backend, self.mount, timeout)
        return FileStorage(domain.sd_id, self.path(domain), io, timeout)

    def path(self, domain, *names):
        return os.path.join(self.mount, domain.sd_id, *names)

    def lease(self, domain):
        """Of the domain, by the paths of this host."""
        return sanlockd.Leases(domain.sd_id, self.path(domain, "dom_md"))


def as_owner():
    """As the tool does all that it does with files."""
    return as_user(*OWNER)


@dataclass(frozen=True)
class Domain:
    sd_id: str
    name: str
    version: int


def make_domain(host, version, name, kind):
    sd_id = filedomain.make(
        host.mount, version, name=name, owner=OWNER, TYPE=kind.TYPE
    )
    domain = Domain(sd_id, name, version)
    host.lease(domain).initialize(host.sanlock)
    return domain

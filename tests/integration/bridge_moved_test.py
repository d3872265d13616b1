# SPDX-License-Identifier: GPL-2.0-or-later
"""
The SPM moves while the command of the old one is in the middle of its write,
under a lease that is sanlock's: two hosts, each with its sshd, agent, command
line and sanlock, and storage that they share and that hangs on demand.
"""

import contextlib
import os
import signal

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.engine_things import StorageDomain  # noqa: E402
from tests.support.bridge.process import in_its_place  # noqa: E402
from tests.support.bridge.rows import ANNA, MARKS, ticked  # noqa: E402
from tests.support.bridge.scene import RealHost, Scene  # noqa: E402
from tests.support.clifixtures import OWNER  # noqa: E402
from tests.support.hooks.needs import needs_fuse, needs_sanlock  # noqa: E402
from tests.support.lease import sanlockd  # noqa: E402
from tests.support.processes import proc  # noqa: E402
from tests.support.storage import filedomain, hangfs  # noqa: E402
from tests.support.storage.writerfixtures import meanwhile  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402
from vdsm_backup.metadata import encoding  # noqa: E402
from vdsm_backup.metadata import lines as md_lines  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = [*MARKS, needs_sanlock, needs_fuse]

# Seconds: of the storage here, which hangs for as long as a test wants.
IO_TIMEOUT = 120

# Seconds: until a bridge has come to the storage, from its start.
ROUND = 120


class Moving(Scene):
    """hosts: host1, which is the SPM, and host2. fs: their storage."""

    def __init__(self, stand_in, sanlocks, fs):
        self.fs = fs
        self.hosts = []
        identity = None
        for sanlock in sanlocks:
            made = RealHost(sanlock, identity, io_timeout=IO_TIMEOUT)
            identity = made.sshd.identity
            self.hosts.append(made)
            made.mount = made.host.add_mount("nas:_data", target=fs.mount)
        super().__init__(stand_in, self.hosts[0])
        self.others = self.hosts[1].in_engine("host2", self.center)
        stand_in.hosts.append(self.others)

    def close(self):
        self.fs.clear()
        super().close()
        for made in self.hosts:
            made.close()

    def shared(self):
        """A domain on the storage of both, which takes a lease to change."""
        sd_id = filedomain.make(self.fs.root, name="backups", owner=OWNER)
        dom_md = os.path.join(self.fs.root, sd_id, "dom_md")
        sanlockd.Leases(sd_id, dom_md).initialize(self.hosts[0].host.sanlock)
        found = StorageDomain("backups", self.center, id=sd_id)
        self.engine.domains.append(found)
        return found

    def flag(self, domain):
        """(BACKUP, BACKUP_BY), behind what hangs."""
        data = filedomain.get_bytes(self.fs.root, domain.id)
        values = md_lines.parse(encoding.decode_file(data, domain.id)).values
        return values.get("BACKUP"), values.get("BACKUP_BY")

    def move(self):
        """The SPM, to the other host."""
        self.spm.spm, self.others.spm = "none", "spm"

    def was_let_in(self, host):
        return host.sshd.log().count("Accepted publickey")

    def joined(self, domain):
        """Which hosts are in the lockspace of the domain."""
        return [
            domain.id in made.host.sanlock.call("lockspaces")
            for made in self.hosts
        ]

    def copies(self, domain):
        """Changes of it that hosts know of."""
        return sum(len(made.host.kept()) for made in self.hosts)


@pytest.fixture(scope="module")
def sanlocks():
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(sanlockd.Host(name))
            for name in ("host1", "host2")
        ]


@pytest.fixture
def scene(stand_in, sanlocks):
    with hangfs.Hangfs() as fs, Moving(stand_in, sanlocks, fs) as made:
        yield made


def test_spm_moves_while_the_flag_is_written(scene):
    domain = scene.shared()
    scene.polls(2)
    scene.fs.hang("rename")
    ticked(scene, domain)

    def move():
        try:
            scene.fs.wait_stuck("rename", ROUND)
            assert scene.joined(domain) == [True, False]
            scene.move()
        finally:
            scene.fs.clear()

    with meanwhile(move):
        scene.polls()
    assert scene.others.spm == "spm", "it has moved in the middle"
    assert scene.flag(domain) == ("True", ANNA)
    assert scene.was_let_in(scene.hosts[1]) == 0
    scene.polls(2)
    assert scene.was_let_in(scene.hosts[1]) == 1
    assert scene.row(domain).row == 2
    assert scene.copies(domain) == 1, "it was written once"
    assert (scene.told(), scene.puts()) == ([], 0)
    wait_until(lambda: scene.joined(domain) == [False, False])


def test_bridge_is_killed_and_the_spm_moves_while_the_flag_is_written(scene):
    """
    The command of the old SPM still has the lease when the next bridge comes:
    it waits, and finds what the command has written.
    """
    domain = scene.shared()
    scene.polls(2)
    process = in_its_place(scene)
    scene.fs.hang("rename")
    ticked(scene, domain)
    with process.start() as bridge:
        scene.fs.wait_stuck("rename", ROUND)
        # Its ssh would go on, and end with the command.
        proc.kill([*proc.children(bridge.pid), bridge.pid])
        bridge.communicate()
    assert bridge.returncode == -signal.SIGKILL
    assert scene.joined(domain) == [True, False]
    scene.move()
    scene.start()
    scene.polls(2)
    assert scene.flag(domain) == (None, None)
    assert scene.fs.stuck("rename") == 1, "nobody else has come that far"
    assert scene.row(domain).flag != "on"
    scene.fs.clear()
    wait_until(lambda: scene.flag(domain)[0] == "True")
    wait_until(lambda: scene.joined(domain) == [False, False])
    scene.later(60).polls(2)
    assert scene.row(domain).row == 2
    assert scene.flag(domain) == ("True", ANNA)
    assert scene.copies(domain) == 1, "it was written once"
    assert (scene.told(), scene.puts()) == ([], 0)

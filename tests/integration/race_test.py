# SPDX-License-Identifier: GPL-2.0-or-later
"""
Many writers, and readers beside them. Two sanlock daemons play two hosts.
"""

import json
import os
import threading

import pytest

from tests.support import programs, rundir, soak, testhost
from tests.support.hooks.needs import needs_sanlock
from tests.support.lease import sanlockd
from tests.support.processes import racer
from tests.support.storage import filedomain, loop
from tests.support.storage.backends import BACKENDS
from tests.support.storage.blockdomain import BlockDomain
from vdsm_backup import config, errors
from vdsm_backup.cli import readings
from vdsm_backup.fileio import choose
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import discovery
from vdsm_backup.storage.block import BlockStorage
from vdsm_backup.storage.file import FileStorage

HOSTS = 2
PROCESSES = 2  # on each host
ROUNDS = soak.times(10, 50)  # of each process
CHANGES = soak.times(400, 2000)

pytestmark = [
    pytest.mark.slow("two hosts wait for each other"),
    pytest.mark.soak,
    needs_sanlock,
]


@pytest.fixture
def directory():
    path = rundir.make("race")
    yield path
    loop.clean_stale(path)
    rundir.remove(path)


@pytest.fixture
def sanlocks():
    with sanlockd.Host("host1") as a, sanlockd.Host("host2") as b:
        yield [a, b]


class Host(testhost.Host):
    """One of those that race, about the one domain that it sees."""

    def __init__(self, directory, sanlock, env, **options):
        path = os.path.join(directory, sanlock.name)
        more = {"sanlock": sanlock, "timeout": 60, **options}
        super().__init__(path, io_timeout=30, **more)
        self.name = sanlock.name
        self.env = env

    def race(self, sd_id, name):
        return self.start(
            *(self.config, sd_id, name, ROUNDS),
            module="tests.support.processes.racer",
            env=self.env,
            stderr=None,
        )


class FileRace:
    """One mount, seen by both hosts."""

    def __init__(self, directory, sanlocks):
        self._mount = os.path.join(directory, "export")
        os.mkdir(self._mount)
        self.sd_id = filedomain.make(self._mount, version=4)
        self.hosts = [
            Host(directory, sanlock, {}, devices="/dev/null")
            for sanlock in sanlocks
        ]
        for host in self.hosts:
            host.add_mount("_export", self._mount)

    def initialize(self, sanlock):
        return self.leases(self._mount).initialize(sanlock)

    def ids_on(self, host):
        """The path by which the product finds it there, as VDSM does."""
        return self.leases(os.path.join(host.repo, "mnt", "_export")).ids

    def leases(self, mount):
        dom_md = os.path.join(mount, self.sd_id, "dom_md")
        return sanlockd.Leases(self.sd_id, dom_md)

    def storage(self):
        io = choose.open("embedded", self._mount, 30)
        path = os.path.join(self._mount, self.sd_id)
        return FileStorage(self.sd_id, path, io, 30)


class BlockRace:
    def __init__(self, directory, sanlocks):
        os.environ["LVM_SYSTEM_DIR"] = loop.lvm_system_dir(directory)
        self._domain = BlockDomain(directory)
        self.sd_id = self._domain.sd_id
        self.initialize = self._domain.initialize
        # Locks of its own: lvm on two hosts does not exclude each other.
        self.hosts = [
            Host(
                *(directory, sanlock),
                {"LVM_SYSTEM_DIR": loop.lvm_system_dir(directory, name)},
                block=[self._domain],
            )
            for name, sanlock in ((s.name, s) for s in sanlocks)
        ]

    def ids_on(self, host):
        return self._domain.lv_path("ids")

    def storage(self):
        domain = self._domain
        return BlockStorage(self.sd_id, Lvm(domain.devices), domain.lv_dir)


class Reader(threading.Thread):
    """
    Reads as long as the race goes on, and judges each reading. find gives
    the storage to read, anew each time.
    """

    def __init__(self, find):
        super().__init__()
        self._find = find
        self._stop_it = threading.Event()
        self.readings = 0
        self.bad = []

    def run(self):
        while not self._stop_it.is_set():
            try:
                reading = readings.read(self._find())
                problems = reading.problems
            except errors.Error as e:
                problems = [e]
            self.readings += 1
            if problems:
                self.bad.append(str(problems))

    def stop(self):
        self._stop_it.set()
        self.join()


@pytest.mark.parametrize(
    "kind",
    [
        FileRace,
        pytest.param(
            BlockRace,
            marks=pytest.mark.skipif(
                bool(loop.missing()), reason=loop.missing()
            ),
        ),
    ],
)
def test_race(directory, sanlocks, kind, monkeypatch):
    monkeypatch.setenv("LVM_SYSTEM_DIR", "")
    monkeypatch.setenv("LVM_SUPPRESS_FD_WARNINGS", "1")
    domain = kind(directory, sanlocks)
    domain.initialize(sanlocks[0])
    for number, host in enumerate(domain.hosts, 1):
        host.sanlock.join(domain, number, domain.ids_on(host))
    storage = domain.storage()
    reader = Reader(lambda: storage)
    reader.start()
    racers = [
        host.race(domain.sd_id, f"{host.name}-{number}")
        for host in domain.hosts
        for number in range(PROCESSES)
    ]
    outputs = [racer.communicate()[0] for racer in racers]
    reader.stop()
    assert [racer.returncode for racer in racers] == [0] * len(racers)
    results = [json.loads(x) for out in outputs for x in out.splitlines()]
    assert len(results) == HOSTS * PROCESSES * ROUNDS
    changes = [result for result in results if "to" in result]
    refused = [result for result in results if "refused" in result]
    print(f"{len(changes)} changes, {len(refused)} refused", end=", ")
    print(f"{reader.readings} readings")
    expected = ("LeaseBusy", "MetadataChanged")
    assert not [r for r in refused if r["refused"] not in expected]
    order = racer.explain(changes)
    last = md_lines.parse(domain.storage().read())
    assert last.seal == "valid"
    assert last.values[flag.REASON] == order[-1]
    if soak.SOAK:
        # They met, or it was no race. In a few rounds one may win each time.
        assert len({name.partition("-")[0] for name in order}) == HOSTS
    assert reader.bad == []
    assert reader.readings > len(changes)


@pytest.mark.parametrize("backend", BACKENDS)
def test_readers_beside_many_changes(directory, backend):
    mount = os.path.join(directory, "export")
    os.mkdir(mount)
    sd_id = filedomain.make(mount)
    io = choose.open(backend, mount, 30)
    storage = FileStorage(sd_id, os.path.join(mount, sd_id), io, 30)
    host = testhost.Host(
        *(os.path.join(directory, "host"), 30),
        ioprocess=backend,
        devices="/dev/null",
    )
    host.add_mount("_export", mount)
    places = discovery.Discovery(config.load(host.config))
    reader = Reader(lambda: storage)
    # Never "no such domain" either.
    finder = Reader(lambda: places.find(sd_id)[0])
    reader.start()
    finder.start()
    try:
        programs.run(
            *(
                "tests.support.storage.rewriter",
                backend,
                mount,
                sd_id,
                CHANGES,
            ),
            check=True,
        )
    finally:
        reader.stop()
        finder.stop()
    print(f"{reader.readings} readings, {finder.readings} found")
    assert reader.bad == []
    assert finder.bad == []
    # They were beside it all the time.
    assert reader.readings > CHANGES / 4
    assert finder.readings > CHANGES / 100

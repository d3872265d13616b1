# SPDX-License-Identifier: GPL-2.0-or-later
"""
Many writers, and readers beside them. Two sanlock daemons play two hosts.
"""

import json
import os
import subprocess
import sys
import threading

import pytest

from tests.support import rundir
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
ROUNDS = 50  # of each process

pytestmark = needs_sanlock

CONF = """\
[storage]
repo_root = {directory}/{name}/repo
user = {uid}
group = {gid}
io_timeout = 30
[lvm]
devices = {devices}
lv_dir = {lv_dir}
[sanlock]
run_dir = {directory}/{name}/run
timeout = 60
settle = 0
[history]
dir = {directory}/{name}/history
"""


@pytest.fixture
def directory():
    path = rundir.make("race")
    yield path
    loop.clean_stale(path)
    rundir.remove(path)


@pytest.fixture
def hosts():
    with sanlockd.Host("host1") as a, sanlockd.Host("host2") as b:
        yield [a, b]


class FileRace:
    """One mount, seen by both hosts."""

    def __init__(self, directory, hosts):
        mount = os.path.join(directory, "export")
        os.mkdir(mount)
        self.sd_id = filedomain.make(mount, version=4)
        dom_md = os.path.join(mount, self.sd_id, "dom_md")
        self.ids = os.path.join(dom_md, "ids")
        self.leases = os.path.join(dom_md, "leases")
        self.devices, self.lv_dir = ["/dev/null"], "/dev"
        self._mount = mount
        self._directory = directory
        for host in hosts:
            os.makedirs(self._repo(host))
            os.symlink(mount, os.path.join(self._repo(host), "_export"))

    def _repo(self, host):
        return os.path.join(self._directory, host.name, "repo", "mnt")

    def ids_on(self, host):
        """The path by which the product finds it there, as VDSM does."""
        domain = os.path.join(self._repo(host), "_export", self.sd_id)
        return os.path.join(domain, "dom_md", "ids")

    def env(self, directory, host):
        return {}

    def storage(self):
        io = choose.open("embedded", self._mount, 30)
        path = os.path.join(self._mount, self.sd_id)
        return FileStorage(self.sd_id, path, io, 30)


class BlockRace:
    def __init__(self, directory, hosts):
        conf = loop.lvm_system_dir(directory)
        os.environ["LVM_SYSTEM_DIR"] = conf
        domain = BlockDomain(directory)
        self.sd_id = domain.sd_id
        self.ids = domain.lv_path("ids")
        self.leases = domain.lv_path("leases")
        self.devices, self.lv_dir = domain.devices, domain.lv_dir
        for host in hosts:
            os.makedirs(os.path.join(directory, host.name, "repo", "mnt"))

    def ids_on(self, host):
        return self.ids

    def env(self, directory, host):
        # Locks of its own: lvm on two hosts does not exclude each other.
        return {"LVM_SYSTEM_DIR": loop.lvm_system_dir(directory, host.name)}

    def storage(self):
        return BlockStorage(self.sd_id, Lvm(self.devices), self.lv_dir)


def write_conf(directory, host, domain):
    path = os.path.join(directory, f"{host.name}.conf")
    with open(path, "w") as f:
        f.write(
            CONF.format(
                directory=directory,
                name=host.name,
                uid=os.getuid(),
                gid=os.getgid(),
                devices=",".join(domain.devices),
                lv_dir=domain.lv_dir,
            )
        )
    return path


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


@pytest.mark.slow
@pytest.mark.timeout(1500)
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
def test_race(directory, hosts, kind, monkeypatch):
    monkeypatch.setenv("LVM_SYSTEM_DIR", "")
    monkeypatch.setenv("LVM_SUPPRESS_FD_WARNINGS", "1")
    domain = kind(directory, hosts)
    sanlockd.initialize(hosts[0], domain.sd_id, domain.ids, domain.leases)
    for number, host in enumerate(hosts, 1):
        host.join(domain, number, domain.ids_on(host))
    storage = domain.storage()
    reader = Reader(lambda: storage)
    reader.start()
    racers = []
    for host in hosts:
        conf = write_conf(directory, host, domain)
        env = {**os.environ, **host.env, **domain.env(directory, host)}
        for number in range(PROCESSES):
            name = f"{host.name}-{number}"
            racers.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.support.processes.racer"]
                    + [conf, domain.sd_id, name, str(ROUNDS)],
                    cwd=sanlockd.ROOT,
                    env=env,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
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
    # Both hosts won at times, or it was no race.
    assert len({reason.partition("-")[0] for reason in order}) == HOSTS
    assert reader.bad == []
    assert reader.readings > len(changes)


WRITE_OFTEN = """
import os, sys
from vdsm_backup.fileio import choose
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.file import FileStorage
backend, mount, sd_id, count = sys.argv[1:5]
io = choose.open(backend, mount, 30)
storage = FileStorage(sd_id, os.path.join(mount, sd_id), io, 30)
lines = storage.read()
for number in range(int(count)):
    wanted = flag.Flag(number % 2 == 0, f"change {number} " + "x" * 100)
    new = md_lines.flush(flag.apply(md_lines.parse(lines).values, wanted))
    storage.write(lines, new, lambda step: None)
    lines = new
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_readers_beside_2000_changes(directory, backend):
    mount = os.path.join(directory, "export")
    os.mkdir(mount)
    sd_id = filedomain.make(mount)
    io = choose.open(backend, mount, 30)
    storage = FileStorage(sd_id, os.path.join(mount, sd_id), io, 30)
    os.makedirs(os.path.join(directory, "repo", "mnt"))
    os.symlink(mount, os.path.join(directory, "repo", "mnt", "_export"))
    conf = os.path.join(directory, "conf")
    with open(conf, "w") as f:
        f.write(
            f"[storage]\nrepo_root = {directory}/repo\n"
            f"ioprocess = {backend}\n[lvm]\ndevices = /dev/null\n"
        )
    places = discovery.Discovery(config.load(conf))
    reader = Reader(lambda: storage)
    # Never "no such domain" either.
    finder = Reader(lambda: places.find(sd_id)[0])
    reader.start()
    finder.start()
    try:
        subprocess.run(
            [sys.executable, "-c", WRITE_OFTEN]
            + [backend, mount, sd_id, "2000"],
            cwd=sanlockd.ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
        )
    finally:
        reader.stop()
        finder.stop()
    print(f"{reader.readings} readings, {finder.readings} found")
    assert reader.bad == []
    assert finder.bad == []
    assert reader.readings > 1000
    assert finder.readings > 20

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Block domains and LUNs that one VM needs, with the real lvm: one command for
all, which finds of each what a command for it alone finds.
"""

import contextlib
import itertools
import os
import struct
import threading
from types import SimpleNamespace

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.host.sysblock import SysBlock
from tests.support.storage import loop
from tests.support.storage.blockdomain import BlockDomain
from tests.support.storage.blocktools import flagged, needs_block, no_step
from tests.support.storage.blocktools import storage as storage_of
from tests.support.waiting import RUNS_OUT
from vdsm_backup import errors
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.storage import together
from vdsm_backup.storage.direct import DirectReader
from vdsm_backup.vm.paths import BLOCK, LUN, Location, NotADomain

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.storage.faultydevice",
]
pytestmark = [pytest.mark.slow("lvm reads many devices"), needs_block]

# Seconds; a command that hangs has run out before that.
TIMEOUT = 60


def lun(device):
    return Location("", LUN, device, candidate=True)


class Scene:
    """
    What the disks of a VM may be, by name, as Locations: domains with active
    LVs, one of them flagged; and LUNs of all kinds.
    """

    def __init__(self, stack, directory):
        self._stack = stack
        self._directory = directory
        self.sysfs = os.path.join(directory, "sys")
        self.block = SysBlock(os.path.join(self.sysfs, "block"))
        self.plain, self.other, self.copied = (
            stack.enter_context(contextlib.closing(BlockDomain(directory)))
            for _ in range(3)
        )
        ours = storage_of(self.other)
        ours.write(ours.read(), flagged(self.other), no_step)
        for domain in (self.plain, self.other, self.copied):
            self.block.lv(domain.sd_id, domain.devices)
        self.domains = {
            "plain": Location(self.plain.sd_id, BLOCK),
            "flagged": Location(self.other.sd_id, BLOCK),
            "beside a replica": Location(self.copied.sd_id, BLOCK),
        }
        self.luns = {
            "blank": lun(self.device("blank")),
            "partitions": lun(self.device("partitions")),
            "unused PV": lun(self.device("unused")),
            "PV of the flagged one": lun(self.other.devices[0]),
            "PV without metadata": lun(self.other.devices[1]),
            "replica": lun(self.copied.copy_device(0)),
        }
        _partition(self.luns["partitions"].directory)
        unused = self.luns["unused PV"].directory
        self.plain.lvm(["pvcreate", "--devices", unused, unused])
        self.all = {**self.domains, **self.luns}

    def device(self, name, size=256 * 1024**2):
        path = loop.make_file(os.path.join(self._directory, name), size)
        device = loop.attach(path)
        self._stack.callback(loop.detach, device)
        return device

    def answers(self, locations, together=True, timeout=TIMEOUT):
        """{Location: (lines, error as text)}"""
        options = SimpleNamespace(
            lvm_devices=self.other.devices, needs_root=None
        )
        known = locations if together else ()
        reader = DirectReader(options, self.sysfs, known)
        jobs = Jobs(
            {at: lambda at=at: reader.read(at, timeout) for at in locations}
        )
        return {
            at: (lines, error and f"{type(error).__name__}: {error}")
            for at, lines, error in jobs.results(lambda: threading.TIMEOUT_MAX)
        }


def _partition(device):
    # An MBR with one partition, of type Linux, from sector 2048 on.
    entry = struct.pack("<BBBBBBBBII", 0, 0, 0, 0, 0x83, 0, 0, 0, 2048, 4096)
    with open(device, "r+b") as f:
        f.write((b"\0" * 446 + entry).ljust(510, b"\0") + b"\x55\xaa")


@pytest.fixture(scope="module")
def scene(block_dir):
    with contextlib.ExitStack() as stack:
        yield Scene(stack, block_dir)


@pytest.fixture
def commands(monkeypatch):
    """The devices of each lvm command that is run."""
    run, ran = lvm_command.run, []

    def count(args, timeout, stdin=None):
        ran.append(args[args.index("--devices") + 1].split(","))
        return run(args, timeout, stdin)

    monkeypatch.setattr(lvm_command, "run", count)
    # A busy machine takes longer, and then each is scanned by itself.
    monkeypatch.setattr(together, "PATIENCE", TIMEOUT)
    monkeypatch.setattr(together.Together, "lag", TIMEOUT)
    return ran


@pytest.fixture(scope="module")
def alone(scene):
    """What is found of each by itself."""
    return scene.answers(list(scene.all.values()), together=False)


def test_one_command_for_domains_and_luns(scene, commands):
    domains = [scene.domains["plain"], scene.domains["flagged"]]
    blank = scene.luns["blank"]
    found = scene.answers([*domains, blank])
    (devices,) = commands
    assert sorted(devices) == sorted(
        [*scene.plain.devices, *scene.other.devices, blank.directory]
    )
    assert found[domains[0]] == (scene.plain.lines(), None)
    assert "BACKUP=True" in found[domains[1]][0]
    assert found[blank][1].startswith(NotADomain.__name__)


def test_each_pair_as_each_alone(scene, alone):
    """Whether one command leaves a question or not."""
    wrong = {}
    for names in itertools.combinations(scene.all, 2):
        locations = [scene.all[name] for name in names]
        for at, answer in scene.answers(locations).items():
            if answer != alone[at]:
                wrong[names] = (answer, alone[at])
    assert wrong == {}


def test_all_as_each_alone(scene, alone):
    assert scene.answers(list(scene.all.values())) == alone
    less = [at for name, at in scene.all.items() if name != "replica"]
    assert scene.answers(less) == {at: alone[at] for at in less}


def test_domains_that_are_found_on_all_devices(scene, commands):
    """None has an active LV."""
    there = Location(scene.other.sd_id, BLOCK)
    away = Location("0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101", BLOCK)
    options = SimpleNamespace(lvm_devices=scene.other.devices, needs_root=None)
    reader = DirectReader(options, "/nonexistent", [there, away])
    assert "BACKUP=True" in reader.read(there, TIMEOUT)
    with pytest.raises(errors.DomainNotFound):
        reader.read(away, TIMEOUT)
    assert commands == [scene.other.devices]


@needs_fuse
@pytest.mark.parametrize("kind", ["LUN", "domain"])
def test_one_that_hangs_is_the_only_one_without_an_answer(
    scene, alone, faulty, kind
):
    others = [scene.all[name] for name in ("plain", "flagged", "blank")]
    if kind == "LUN":
        device = faulty()
        hung = lun(device.path)
    else:
        name = "7c1d4f02-33b5-4f6e-8a1c-2b6f7d8e9a01"
        device = faulty()
        scene.plain.lvm(
            ["vgcreate", "--devices", device.path, name, device.path]
        )
        scene.block.lv(name, [device.path])
        hung = Location(name, BLOCK)
    device.hang("read")
    found = scene.answers([hung, *others], timeout=4 * RUNS_OUT)
    assert list(found)[-1] == hung
    _, error = found.pop(hung)
    assert error.startswith(errors.StorageTimeout.__name__)
    assert found == {at: alone[at] for at in others}


@needs_fuse
def test_one_that_cannot_be_read_is_the_only_one(scene, alone, faulty):
    others = [scene.all[name] for name in ("plain", "flagged", "blank")]
    device = faulty()
    device.fail("EIO")
    bad = lun(device.path)
    found = scene.answers([bad, *others])
    _, error = found.pop(bad)
    assert error.startswith(errors.LvmFailed.__name__)
    assert found == {at: alone[at] for at in others}

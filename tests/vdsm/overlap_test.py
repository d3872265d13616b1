# SPDX-License-Identifier: GPL-2.0-or-later
"""
The real VDSM changes the metadata of a domain without a lease while we change
its flag: its dict in memory, its files and tags. VDSM has no plugin here, as
on a host that lacks it.

integration/overlap_*_test.py have all the rest of it, and a stand-in for VDSM.
"""

import os
import threading

import pytest

from tests.support import soak
from tests.support.storage import filedomain, loop
from tests.support.storage.blockdomain import BlockDomain
from tests.support.storage.overlapping import (
    KINDS,
    Calls,
    FileVdsm,
    Points,
    TagVdsm,
    assert_merged,
    with_flag,
    write_merging,
)
from vdsm_backup.fileio import choose
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.block import BlockStorage
from vdsm_backup.storage.file import FileStorage

# The keys that VDSM's dict takes, as VDSM's own functions change them.
CHANGES = {
    "pool creation": KINDS["pool creation"],
    "detach": KINDS["detach"],
}
POOL = {
    "POOL_UUID": "11111111-2222-3333-4444-555555555555",
    "ROLE": "Master",
}


def change(md, changes):
    """md: a PersistentDict, in one transaction."""
    with md.transaction():
        md.update(changes)


# Files


@pytest.fixture
def file_overlap(directory):
    """Called with what is to be done before the n-th call of a change."""
    from vdsm.storage import fileSD

    def play(io, changes, refresh=None, write=None):
        sd_id = filedomain.make(directory, **POOL)
        path = filedomain.path(directory, sd_id)
        md = fileSD.FileSDMetadata(path)._dict
        md.copy()
        points = Points()
        storage = FileStorage(
            sd_id, os.path.join(directory, sd_id), Calls(io, points), 0
        )
        old = storage.read()
        points.names.clear()
        if refresh:
            points.plan(refresh, md.invalidate)
            points.plan(refresh, md.copy)
        if write:
            points.plan(write, lambda: change(md, changes))
        written = write_merging(storage, old, with_flag(old, "ours"))
        found = FileVdsm(path, {}).readlines()
        return sd_id, old, written, found, points.names

    return play


@pytest.mark.slow("it repeats")
@pytest.mark.soak
@pytest.mark.parametrize("kind", CHANGES)
def test_file(directory, file_overlap, kind):
    changes, choices = CHANGES[kind], soak.choices("vdsm", kind)
    with choose.open("embedded", directory, 60) as io:
        calls = file_overlap(io, {})[-1]
        for _ in range(soak.times(30, 200)):
            refresh, write = sorted(choices.choices(range(len(calls)), k=2))
            sd_id, old, written, found, names = file_overlap(
                *(io, changes, refresh, write + 1)
            )
            before = names[write]
            if before == "rename":
                changes_kept = {}
            elif before == "unlink":
                # After all of ours.
                continue
            else:
                changes_kept = changes
            assert found == written, (before, refresh)
            assert_merged(sd_id, found, with_flag(old, "ours"), changes_kept)


# Tags


class PausedVdsm(threading.Thread):
    """VDSM's dict of a block domain, which stops before its vgchange."""

    def __init__(self, sd_id, changes):
        from vdsm.storage.blockSD import TagBasedSDMetadata

        super().__init__(daemon=True)
        self._md = TagBasedSDMetadata(sd_id)._dict
        self._changes = changes
        self._stopped, self._go_on = threading.Event(), threading.Event()
        self.error = None

    def refresh(self):
        self._md.invalidate()
        self._md.copy()

    def begin(self):
        self.start()
        self._stopped.wait()

    def end(self):
        self._go_on.set()
        self.join()

    def pause(self):
        self._stopped.set()
        self._go_on.wait()

    def run(self):
        try:
            change(self._md, self._changes)
        except Exception as e:
            # Whatever VDSM raises would be lost with the thread: the test
            # looks at it.
            self.error = e
        finally:
            self._stopped.set()


@pytest.fixture
def block(directory, monkeypatch):
    from vdsm.storage import lvm, multipath

    monkeypatch.setenv("LVM_SYSTEM_DIR", loop.lvm_system_dir(directory))
    monkeypatch.setenv("LVM_SUPPRESS_FD_WARNINGS", "1")
    domain = BlockDomain(directory, **POOL)
    monkeypatch.setattr(
        multipath, "getMPDevNamesIter", lambda: iter(domain.devices)
    )
    monkeypatch.setattr(lvm, "_lvminfo", lvm.LVMCache())
    original = lvm.changeVGTags

    def paused(*args, **kwargs):
        thread = threading.current_thread()
        if isinstance(thread, PausedVdsm):
            thread.pause()
        return original(*args, **kwargs)

    monkeypatch.setattr(lvm, "changeVGTags", paused)
    return domain


# When VDSM reads the domain, when it reads the tags that it will change, and
# when it changes them: before which step of ours. 0: before all of it.
TIMES = [(0, 0, 3), (0, 1, 2), (0, 2, 3), (0, 3, 3), (2, 2, 3), (3, 3, 3)]


@pytest.mark.slow("lvm is started again and again")
@pytest.mark.skipif(bool(loop.missing()), reason=loop.missing())
@pytest.mark.parametrize("kind", CHANGES)
def test_tags(block, kind):
    changes = CHANGES[kind]
    for times in TIMES:
        old = md_lines.flush({**block.values, **POOL})
        block.put(old)
        points = Points()
        vdsm = PausedVdsm(block.sd_id, changes)
        vdsm.refresh()
        for time, action in zip(times, (vdsm.refresh, vdsm.begin, vdsm.end)):
            if time:
                points.plan(time, action)
            else:
                action()
        calls = Calls(
            *(Lvm(block.devices), points),
            {"find_to_change", "find_to_read", "change_tags"},
        )
        storage = BlockStorage(block.sd_id, calls, block.lv_dir)
        new = with_flag(old, "ours")
        written = write_merging(storage, old, new)
        assert vdsm.error is None
        found = TagVdsm(block, {}).readlines()
        assert found == sorted(written), times
        assert_merged(block.sd_id, found, new, changes)

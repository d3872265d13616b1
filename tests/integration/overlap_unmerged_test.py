# SPDX-License-Identifier: GPL-2.0-or-later
"""
What cannot be merged with what VDSM wrote meanwhile, or another host: it
stays, or its loss is told.
"""

import errno

import pytest

from tests.support.storage import filedomain
from tests.support.storage.fileoverlap import Overlap
from tests.support.storage.filewriting import (
    at,
    flagged_lines,
    no_steps,
    storage_on,
    temporaries,
)
from tests.support.storage.overlapping import (
    KINDS,
    FileVdsm,
    Held,
    with_flag,
    write_merging,
)
from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import choose


@pytest.mark.parametrize("begun, ended", [(0, 1), (0, 2), (1, 1)])
def test_vdsm_while_metadata_that_is_not_whole_is_replaced(
    mount, begun, ended
):
    """
    begun, ended: how many of our last three calls VDSM's own come after.

    By reseal or restore. VDSM takes metadata without a checksum as it is. Both
    cannot be merged, and the loss is told.
    """
    with choose.open("embedded", mount, 60) as io:
        overlap = Overlap(mount, io, KINDS["detach"])
        storage, vdsm = overlap.storage, overlap.vdsm
        vdsm.refresh()
        old, new = overlap.old[:-1], overlap.old
        filedomain.put(mount, overlap.sd_id, old)
        storage.write(old, new, no_steps)
        calls = overlap.points.names
        last = [i for i, name in enumerate(calls) if name == "rename"][-1]
        assert calls[last - 3 : last] == ["readfile", "link", "link"]
        filedomain.put(mount, overlap.sd_id, old)
        first_link = len(calls) + last - 1
        overlap.at(first_link + begun, vdsm.begin)
        overlap.at(first_link + ended, vdsm.end)
        with pytest.raises(errors.OutcomeUnknown) as e:
            storage.write(old, new, no_steps)
        assert e.value.__cause__.found == new
        assert e.value.__cause__.replaced == vdsm.written
        assert temporaries(mount, overlap.sd_id) == []


def fail(error):
    raise error


@pytest.mark.parametrize("call", ["listdir", "readfile"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "x"), fileio.Timeout()])
def test_last_look_at_metadata_that_is_not_whole_fails(mount, call, error):
    """Nothing was written then, and that is said."""
    with choose.open("embedded", mount, 60) as io:
        overlap = Overlap(mount, io, {})
        storage, points = overlap.storage, overlap.points
        old, new = overlap.old[:-1], overlap.old
        filedomain.put(mount, overlap.sd_id, old)
        before = len(points.names)

        def at_commit():
            names = points.names
            calls = ["listdir", "listdir", "readfile"]
            points.plan(
                len(names) + 1 + calls.index(call), lambda: fail(error)
            )

        with pytest.raises(errors.WriteFailed) as e:
            storage.write(old, new, at("commit", at_commit))
        assert points.names[before:].count("rename") == 0
        assert e.value.step not in ("commit", "confirm")
        assert storage.read() == old


def test_what_comes_before_the_last_look_is_never_replaced(
    mount, sd_id, backend
):
    """Also when we were told to go on long after all had been compared."""
    storage = storage_on(mount, backend, sd_id)
    old = storage.read()
    vdsm = FileVdsm(filedomain.path(mount, sd_id), {"KEY": "x"})
    vdsm.refresh()
    vdsm.begin()
    with pytest.raises(errors.MetadataChanged):
        storage.write(old, with_flag(old, "x"), at("commit", vdsm.end))
    assert storage.read() == vdsm.written
    assert temporaries(mount, sd_id) == []


class LostLease(Held):
    """It is lost when we look at it."""

    def check(self):
        raise errors.LeaseLost("the domain")


class UncertainLease(Held):
    """We have had it for so long that another host may have it now."""

    certain = False


@pytest.mark.parametrize("held", [LostLease(), UncertainLease()])
def test_without_the_lease_nothing_is_merged(mount, sd_id, backend, held):
    storage = storage_on(mount, backend, sd_id)
    old = storage.read()
    vdsm = FileVdsm(filedomain.path(mount, sd_id), {"KEY": "x"})
    vdsm.refresh()
    vdsm.begin()

    def end(name):
        if name == "confirm":
            vdsm.end()

    write = storage.write
    storage.write = lambda old, new, step: write(old, new, end)
    with pytest.raises(errors.OutcomeUnknown):
        write_merging(storage, old, with_flag(old, "ours"), held)
    assert storage.read() == vdsm.written


def test_another_flag_is_not_merged(mount, sd_id, backend):
    """Of another host, which has the lease now, though nobody told us."""
    storage = storage_on(mount, backend, sd_id)
    other = storage_on(mount, backend, sd_id)
    old, theirs = storage.read(), flagged_lines(sd_id, "theirs")
    write = storage.write

    def change(name):
        if name == "confirm":
            other.write(with_flag(old, "ours"), theirs, no_steps)

    storage.write = lambda old, new, step: write(old, new, change)
    with pytest.raises(errors.OutcomeUnknown):
        write_merging(storage, old, with_flag(old, "ours"))
    assert storage.read() == theirs

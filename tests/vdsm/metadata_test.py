# SPDX-License-Identifier: GPL-2.0-or-later
"""
VDSM's own code reads, changes and keeps the metadata of a domain that we
flagged, and we read what it left.
"""

import os

import pytest

from tests.support.storage import filedomain, loop
from vdsm_backup.cli import readings
from vdsm_backup.fileio import choose
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.plugin import metadata
from vdsm_backup.storage.block import BlockStorage
from vdsm_backup.storage.file import FileStorage

FLAG = flag.Flag(
    True, "nightly copies, site A & B", "admin@host1", "2026-11-22T11:40:00Z"
)
CLEARED = flag.Flag(False, "no more", "admin@host2", "2026-11-23T11:40:00Z")


def put_flag(storage, wanted):
    old = storage.read()
    new = md_lines.flush(flag.apply(md_lines.parse(old).values, wanted))
    storage.write(old, new, lambda step: None)


def check_story(storage, open_metadata):
    put_flag(storage, FLAG)

    theirs = open_metadata()
    assert (
        theirs["DESCRIPTION"]
        == md_lines.parse(storage.read()).values["DESCRIPTION"]
    )
    raw = theirs._dict.copy()
    assert (raw["BACKUP"], raw["BACKUP_REASON"]) == ("True", FLAG.reason)

    theirs["DESCRIPTION"] = "changed by VDSM & co"
    theirs["POOL_UUID"] = ["8f3c1b3e-9d0c-4a0e-9b5e-3f1c2d4e5f60"]
    reading = readings.read(storage)
    assert reading.problems == []
    assert reading.flag == FLAG
    assert reading.md.values["DESCRIPTION"] == "changed by VDSM & co"

    put_flag(storage, CLEARED)
    again = open_metadata()
    assert again["DESCRIPTION"] == "changed by VDSM & co"
    assert again._dict.copy()["BACKUP"] == "False"
    again["DESCRIPTION"] = "once more"
    assert readings.read(storage).flag == CLEARED


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("backend", ["embedded", "installed"])
def test_file(directory, version, backend):
    from vdsm.storage import fileSD, outOfProcess

    sd_id = filedomain.make(directory, version=version, name="é 50% & more")
    io = choose.open(backend, directory, 10)
    storage = FileStorage(sd_id, os.path.join(directory, sd_id), io, 10)
    path = filedomain.path(directory, sd_id)
    try:
        check_story(storage, lambda: fileSD.FileSDMetadata(path))
    finally:
        io.close()
        outOfProcess.stop()


def test_the_directory_is_listed_on_a_server_with_an_ipv6_address(
    directory, monkeypatch
):
    """VDSM keeps its brackets in the name of the directory."""
    from vdsm.storage import fileSD, outOfProcess

    mount = os.path.join(directory, "[fd00::1]:_export")
    path = filedomain.path(mount, filedomain.make(mount))
    rw = fileSD.FileSDMetadata(path)._dict._metaRW
    listed, names = rw._oop.glob.glob, []
    monkeypatch.setattr(
        rw._oop.glob, "glob", lambda pattern: names.extend(listed(pattern))
    )
    try:
        assert md_lines.parse(metadata.fresh_lines(rw)).seal == "valid"
        assert path in names
    finally:
        outOfProcess.stop()


@pytest.mark.skipif(bool(loop.missing()), reason=loop.missing())
@pytest.mark.parametrize("version", [4, 5])
def test_block(directory, version, monkeypatch):
    from vdsm.storage import blockSD, lvm, multipath

    from tests.support.storage.blockdomain import BlockDomain

    conf = loop.lvm_system_dir(directory)
    monkeypatch.setenv("LVM_SYSTEM_DIR", conf)
    monkeypatch.setenv("LVM_SUPPRESS_FD_WARNINGS", "1")
    domain = BlockDomain(directory, version=version)
    monkeypatch.setattr(
        multipath, "getMPDevNamesIter", lambda: iter(domain.devices)
    )
    monkeypatch.setattr(lvm, "_lvminfo", lvm.LVMCache())
    storage = BlockStorage(
        domain.sd_id, Lvm(domain.devices), lv_dir=domain.lv_dir
    )
    check_story(storage, lambda: blockSD.TagBasedSDMetadata(domain.sd_id))


def test_vdsm_loses_a_flag_that_it_did_not_read(directory):
    """Why attached domains are changed only through VDSM."""
    from vdsm.storage import fileSD, outOfProcess

    sd_id = filedomain.make(directory)
    io = choose.open("embedded", directory, 10)
    storage = FileStorage(sd_id, os.path.join(directory, sd_id), io, 10)
    try:
        theirs = fileSD.FileSDMetadata(filedomain.path(directory, sd_id))
        assert theirs["DESCRIPTION"] == "data1"
        put_flag(storage, FLAG)
        theirs["DESCRIPTION"] = "stale"
        assert readings.read(storage).flag == flag.Flag(False)
    finally:
        io.close()
        outOfProcess.stop()

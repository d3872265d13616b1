# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs when VDSM's own I/O fails: what the client is told is true."""

import pytest

from tests.support import outside
from tests.support.vdsm.vdsmhost import Failed
from vdsm_backup import errors
from vdsm_backup.metadata import flag


@pytest.fixture
def sd(host):
    """A domain of this host's pool: (UUID, path of metadata)."""
    found = host.local_domain()
    host.pool(found[0])
    host.run("from vdsm_backup.change import change; change.LINGER = 1")
    return found


FAULT = """
import errno, ioprocess
from vdsm.storage import fileSD
original = fileSD.FileMetadataRW.writelines
def writelines(self, metadata):
    if args[0]:
        original(self, metadata)
    raise {"io": OSError(errno.EIO, "I/O error"),
           "timeout": ioprocess.Timeout("too long")}[args[1]]
fileSD.FileMetadataRW.writelines = writelines
"""


def refused(code, call, *args, **kwargs):
    with pytest.raises(Failed) as e:
        call(*args, **kwargs)
    assert e.value.code == code.code
    return e.value.text


def test_write_that_fails(host, sd):
    host.run(FAULT, False, "io")
    text = refused(errors.WriteFailed, host.set_backup, sd[0])
    assert "I/O error" in text
    assert flag.BACKUP not in outside.values(sd[1])


def test_write_that_does_not_end(host, sd):
    host.run(FAULT, False, "timeout")
    refused(errors.OutcomeUnknown, host.set_backup, sd[0])


@pytest.mark.parametrize("fault", ["io", "timeout"])
def test_write_that_is_there_all_the_same(host, sd, fault):
    host.run(FAULT, True, fault)
    assert host.set_backup(sd[0])["changed"]
    assert outside.read_flag(sd[1]).value is True


def test_undo_that_fails(host, sd):
    host.run(
        """
from vdsm_backup.plugin import storage
original = storage.VdsmStorage.write
def write(self, old, new):
    if "late" in cif.vmContainer:
        raise storage.errors.WriteFailed(self.sd_id, "commit", "no more")
    original(self, old, new)
    xml = "<domain><devices><lease><lockspace>%s</lockspace></lease>"
    xml += "</devices></domain>"
    cif.vmContainer["late"] = Vm("late", xml % self.sd_id)
storage.VdsmStorage.write = write
"""
    )
    text = refused(errors.UndoFailed, host.set_backup, sd[0])
    assert "VM late (lease)" in text
    # The safe side.
    assert outside.read_flag(sd[1]).value is True


READ_FAULT = """
import errno, ioprocess
from vdsm.storage import fileSD
def readlines(self):
    if args[0] == "missing":
        return []
    raise {"io": OSError(errno.EIO, "I/O error"),
           "timeout": ioprocess.Timeout("too long"),
           "stale": OSError(errno.ESTALE, "Stale file handle")}[args[0]]
fileSD.FileMetadataRW.readlines = readlines
"""


@pytest.mark.parametrize("fault", ["io", "timeout"])
def test_read_that_fails(host, sd, fault):
    host.run(READ_FAULT, fault)
    refused(errors.MetadataUnreadable, host.get_backup, sd[0])
    refused(errors.MetadataUnreadable, host.set_backup, sd[0])


def test_file_that_is_no_text(host, sd):
    with open(sd[1], "ab") as f:
        f.write(b"X=\xff\n")
    text = refused(errors.NotMetadata, host.get_backup, sd[0])
    assert "not UTF-8" in text


@pytest.mark.parametrize("fault", ["missing", "stale"])
def test_metadata_that_is_away_is_no_answer(host, sd, fault):
    host.run("from vdsm_backup.plugin import metadata; metadata.RETRY_FOR = 1")
    host.run(READ_FAULT, fault)
    refused(errors.NotMetadata, host.get_backup, sd[0])
    refused(errors.NotMetadata, host.set_backup, sd[0])


def test_metadata_that_comes_back_is_an_answer(host, sd):
    outside.put_flag(sd[1])
    host.run(
        """
import errno
from vdsm.storage import fileSD
original = fileSD.FileMetadataRW.readlines
times = iter(range(100))
def readlines(self):
    n = next(times)
    if n == 1:
        raise OSError(errno.ESTALE, "Stale file handle")
    return [] if n < 3 else original(self)
fileSD.FileMetadataRW.readlines = readlines
"""
    )
    assert host.get_backup(sd[0])["backup"] is True

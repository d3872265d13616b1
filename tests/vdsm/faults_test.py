# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs when VDSM's own I/O fails: what the client is told is true."""

import os

import pytest

from tests.support import outside
from tests.support.vdsm import inside
from tests.support.vdsm.refusals import refused
from tests.vdsm.inside import faults
from vdsm_backup import errors
from vdsm_backup.metadata import encoding, flag


@pytest.fixture
def sd(host):
    """A domain of this host's pool: (UUID, path of metadata)."""
    found = host.local_domain()
    host.pool(found[0])
    host.do(inside.set_constant, "vdsm_backup.change.steps", "LINGER", 1)
    return found


def test_write_that_fails(host, sd):
    host.do(faults.fail_writes, "io")
    text = refused(errors.WriteFailed, host.set_backup, sd[0])
    assert "I/O error" in text
    assert flag.BACKUP not in outside.values(sd[1])


def test_write_that_does_not_end(host, sd):
    host.do(faults.fail_writes, "timeout")
    refused(errors.OutcomeUnknown, host.set_backup, sd[0])


@pytest.mark.parametrize("fault", ["io", "timeout"])
def test_write_that_is_there_all_the_same(host, sd, fault):
    host.do(faults.fail_writes, fault, True)
    assert host.set_backup(sd[0])["changed"]
    assert outside.read_flag(sd[1]).value is True


def test_rename_that_fails_is_not_carried_out_later(host, sd):
    host.do(faults.fail_renames)
    refused(errors.WriteFailed, host.set_backup, sd[0])
    assert not os.path.exists(sd[1] + ".new")
    assert flag.BACKUP not in outside.values(sd[1])


def test_write_that_is_not_there(host, sd):
    """VDSM says that all went well."""
    host.do(faults.write_instead, None)
    text = refused(errors.WriteFailed, host.set_backup, sd[0])
    assert "it is not there" in text


def test_write_over_which_somebody_else_has_written(host, sd):
    """The text says so; the code is one that the verb has always had."""
    theirs = {"BACKUP": "False", "DESCRIPTION": "renamed"}
    host.do(faults.write_instead, theirs)
    text = refused(errors.OutcomeUnknown, host.set_backup, sd[0])
    assert "was changed by somebody else" in text
    assert outside.values(sd[1])["DESCRIPTION"] == "renamed"


def test_metadata_that_we_could_not_read_is_not_written(host, sd):
    values = outside.values(sd[1])
    outside.put(sd[1], {**values, "X": "x" * (encoding.MAX_FILE - 800)})
    before = os.path.getsize(sd[1])
    reason = "y" * 900
    text = refused(errors.WriteFailed, host.set_backup, sd[0], True, reason)
    assert "encoding the new metadata failed" in text
    assert os.path.getsize(sd[1]) == before


def test_undo_that_fails(host, sd):
    lease = f"<lease><lockspace>{sd[0]}</lockspace></lease>"
    xml = f"<domain><devices>{lease}</devices></domain>"
    host.do(faults.run_vm_when_written, "late", xml, True)
    text = refused(errors.UndoFailed, host.set_backup, sd[0])
    assert "VM late (lease)" in text
    # The safe side.
    assert outside.read_flag(sd[1]).value is True


@pytest.mark.parametrize("fault", ["io", "timeout"])
def test_read_that_fails(host, sd, fault):
    host.do(faults.fail_reads, fault)
    refused(errors.MetadataUnreadable, host.get_backup, sd[0])
    refused(errors.MetadataUnreadable, host.set_backup, sd[0])


def test_file_that_is_no_text(host, sd):
    with open(sd[1], "ab") as f:
        f.write(b"X=\xff\n")
    text = refused(errors.NotMetadata, host.get_backup, sd[0])
    assert "not UTF-8" in text


@pytest.mark.parametrize("fault", ["missing", "stale"])
def test_metadata_that_is_away_is_no_answer(host, sd, fault):
    host.do(inside.retry_for, 1)
    host.do(faults.fail_reads, fault)
    refused(errors.NotMetadata, host.get_backup, sd[0])
    refused(errors.NotMetadata, host.set_backup, sd[0])


def test_metadata_that_comes_back_is_an_answer(host, sd):
    outside.put_flag(sd[1])
    host.do(faults.fail_some_reads)
    assert host.get_backup(sd[0])["backup"] is True

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What others change between the moment when setBackup reads the metadata under
the lease, and the moment when it writes.
"""

import uuid

import pytest

from tests.support import outside
from tests.support.vdsm.refusals import refused
from tests.vdsm.inside import faults, vms
from vdsm_backup import errors
from vdsm_backup.metadata import flag


@pytest.mark.parametrize("undone", [False, True])
def test_renamed_at_the_same_moment(host, sd, undone):
    """By VDSM's own verb, when the flag is about to be written."""
    host.do(faults.describe_when_kept, sd[0], "new name")
    if undone:
        xml = vms.XML.format(sd=sd[0], device="disk")
        host.do(faults.run_vm_when_written, "late", xml)
        refused(errors.FlagUndone, host.set_backup, sd[0])
    else:
        assert host.set_backup(sd[0])["changed"]
    values = outside.values(sd[1])
    assert values["DESCRIPTION"] == "new name"
    assert (flag.BACKUP in values) != undone


def test_renamed_at_the_same_moment_and_written_badly(host, sd):
    """Storage tells the outcome."""
    host.do(faults.describe_when_kept, sd[0], "new name")
    host.do(faults.fail_writes_of_the_flag, "io")
    assert host.set_backup(sd[0])["changed"]
    assert outside.values(sd[1])["DESCRIPTION"] == "new name"


def test_renamed_at_the_same_moment_and_not_written(host, sd):
    host.do(faults.describe_when_kept, sd[0], "new name")
    host.do(faults.write_no_flag)
    refused(errors.WriteFailed, host.set_backup, sd[0])
    assert outside.values(sd[1])["DESCRIPTION"] == "new name"


@pytest.mark.parametrize(
    "changes",
    [
        {"BACKUP": "False", "BACKUP_REASON": "theirs"},
        {"POOL_UUID": str(uuid.uuid4())},
        {"CLASS": "Backup"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_matters_changed_at_the_same_moment(host, sd, changes):
    host.do(faults.put_when_kept, sd[1], changes)
    refused(errors.MetadataChanged, host.set_backup, sd[0])
    assert changes.items() <= outside.values(sd[1]).items()

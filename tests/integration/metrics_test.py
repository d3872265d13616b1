# SPDX-License-Identifier: GPL-2.0-or-later
"""metrics as a process: with a real journal, and on storage that hangs."""

import json
import subprocess

import pytest

from tests.support import programs
from tests.support.clifixtures import OWNER, A, B
from tests.support.hooks.needs import needs_command, needs_fuse
from tests.support.host import journald
from tests.support.host.journald import needs_journald
from tests.support.metrics import OTHER, families
from tests.support.storage import hangfs

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.clifixtures",
    "tests.support.metrics",
]


@needs_fuse
def test_a_mount_that_hangs(measured_host):
    """It is a place that could not be searched, and holds up nothing else."""
    with hangfs.Hangfs() as fs:
        hung = measured_host.add_mount("hung:_x", fs.mount)
        measured_host.domain(sd_id=B, mount=fs.root)
        fs.hang("readdir")
        done = measured_host.process("metrics")
        assert done.code == 3
        found = families(done.out)
        assert found["vdsm_backup_domain_flagged"] == {
            (A, "back ups", "file"): 1
        }
        unread = found["vdsm_backup_domain_unreadable"]
        assert unread["", "", "file", hung] == 1
        assert unread[A, "back ups", "file", f"{measured_host.mount}/{A}"] == 0
        assert found["vdsm_backup_part_unreadable"]["domains",] == 1
        assert f"note: {hung} did not answer" in done.err


@needs_command("promtool")
@pytest.mark.parametrize("name", ['q"uote', "back\\slash\\n", "ä\u202eb"])
def test_promtool_takes_it(measured_host, name):
    measured_host.domain(sd_id=B, name=name, owner=OWNER)
    text = measured_host.process("metrics").out
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(families(text)["vdsm_backup_domain_flagged"]) == 2


@pytest.fixture
def log():
    with journald.Journald() as log:
        yield log


def tell(log, user=None, **fields):
    programs.run(
        "tests.support.host.tell_journal",
        json.dumps(["text", 4, fields]),
        inside=log.enter(user),
        check=True,
    )


@needs_journald
def test_refusals_of_a_real_journal(measured_host, log):
    """Of root and of VDSM's user: anybody can send what looks like ours."""
    refused = {"answer": "refused", "operation": "run", "code": 994}
    for user in (None, OWNER, (OTHER, OTHER)):
        tell(log, user, **refused)
    tell(log, **{**refused, "answer": "allowed", "operation": "recover"})
    tell(log, action="set", result="done")
    log.journalctl("-n", "0")
    found = families(measured_host.process("metrics", inside=log.enter()).out)
    assert found["vdsm_backup_refusals"]["run",] == 2
    assert sum(found["vdsm_backup_refusals"].values()) == 2
    assert found["vdsm_backup_violations"]["recover",] == 1
    assert found["vdsm_backup_part_unreadable"]["journal",] == 0

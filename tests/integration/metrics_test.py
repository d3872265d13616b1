# SPDX-License-Identifier: GPL-2.0-or-later
"""metrics as a process: with a real journal, and on storage that hangs."""

import json
import os
import shutil
import subprocess

import pytest
from prometheus_client import parser

from tests.support import programs, testhost
from tests.support.clifixtures import OWNER, A, B
from tests.support.hooks.needs import needs_fuse
from tests.support.host import journald
from tests.support.host.journald import needs_journald
from tests.support.storage import hangfs

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.clifixtures",
]

OTHER = 107


def needs(command):
    return pytest.mark.skipif(
        shutil.which(command) is None, reason=f"{command} is not here"
    )


@pytest.fixture
def host(directory):
    """What its configuration names is vdsm's, as on a host."""
    path = os.path.join(directory, "host")
    uid, gid = OWNER
    with testhost.Host(path, 3, user=uid, group=gid) as host:
        host.domain(sd_id=A, name="back ups", owner=OWNER, BACKUP="True")
        yield host


def families(text):
    """As Prometheus' own parser reads it: {family: {labels: value}}."""
    return {
        family.name: {
            tuple(sample.labels.values()): sample.value
            for sample in family.samples
        }
        for family in parser.text_string_to_metric_families(text)
    }


@needs_fuse
def test_a_mount_that_hangs(host):
    """It is a place that could not be searched, and holds up nothing else."""
    with hangfs.Hangfs() as fs:
        hung = host.add_mount("hung:_x", fs.mount)
        host.domain(sd_id=B, mount=fs.root)
        fs.hang("readdir")
        done = host.process("metrics")
        assert done.code == 3
        found = families(done.out)
        assert found["vdsm_backup_domain_flagged"] == {
            (A, "back ups", "file"): 1
        }
        unread = found["vdsm_backup_domain_unreadable"]
        assert unread["", "", "file", hung] == 1
        assert unread[A, "back ups", "file", f"{host.mount}/{A}"] == 0
        assert found["vdsm_backup_part_unreadable"]["domains",] == 1
        assert f"note: {hung}: " in done.err


@needs("promtool")
@pytest.mark.parametrize("name", ['q"uote', "back\\slash\\n", "ä\u202eb"])
def test_promtool_takes_it(host, name):
    host.domain(sd_id=B, name=name, owner=OWNER)
    text = host.process("metrics").out
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
def test_refusals_of_a_real_journal(host, log):
    """Of root and of VDSM's user: anybody can send what looks like ours."""
    refused = {"answer": "refused", "operation": "run", "code": 994}
    for user in (None, OWNER, (OTHER, OTHER)):
        tell(log, user, **refused)
    tell(log, **{**refused, "answer": "allowed", "operation": "recover"})
    tell(log, action="set", result="done")
    log.journalctl("-n", "0")
    found = families(host.process("metrics", inside=log.enter()).out)
    assert found["vdsm_backup_refusals"]["run",] == 2
    assert sum(found["vdsm_backup_refusals"].values()) == 2
    assert found["vdsm_backup_violations"]["recover",] == 1
    assert found["vdsm_backup_part_unreadable"]["journal",] == 0

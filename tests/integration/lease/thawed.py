# SPDX-License-Identifier: GPL-2.0-or-later
"""
A host that stands still in the middle of a change, with its sanlock daemon,
for longer than its lease lasts, and goes on when another host has changed the
flag.
"""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from tests.integration.lease.scenarios import PATIENCE, scenario, wait_until
from tests.support import commandline
from tests.support.lease import sanlockd
from tests.support.lease.sanlockd import Host
from tests.support.processes import proc
from tests.support.storage.backends import MISSING, ROOT
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines


def _shared_domain(host, one, two):
    """The UUID of a domain that both hosts see."""
    sd_id = one.domain()
    os.symlink(one.mount, os.path.join(two.repo, "mnt", "_data"))
    dom_md = os.path.join(one.mount, sd_id, "dom_md")
    ids, leases = (os.path.join(dom_md, name) for name in ("ids", "leases"))
    sanlockd.initialize(host, sd_id, ids, leases)
    return sd_id


@scenario(
    ("embedded", "create"),
    ("embedded", "commit"),
    *([] if MISSING else [("installed", "commit")]),
    marks=pytest.mark.slow,
)
def thawed_host_changes_nothing(hosts, backend, step):
    path = os.path.join(hosts.dir, f"thawed-{backend}-{step}")
    with contextlib.ExitStack() as stack:
        frozen = stack.enter_context(Host("frozen"))
        one, two = (
            stack.enter_context(
                commandline.Host(os.path.join(path, name), ioprocess=backend)
            )
            for name in ("one", "two")
        )
        sd_id = _shared_domain(frozen, one, two)
        # It stops by itself, at the step.
        tool = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.processes.victim",
                one.config,
            ]
            + [sd_id, "of the frozen one", "tool", step]
            + [str(int(signal.SIGSTOP))],
            cwd=ROOT,
            env={**os.environ, **frozen.env},
            stdout=subprocess.PIPE,
            text=True,
        )
        pids = [tool.pid]
        stack.enter_context(tool)
        stack.callback(lambda: proc.kill(pids))
        wait_until(lambda: proc.stopped(tool.pid), PATIENCE)
        pids += proc.children(tool.pid)
        assert proc.find(tool.pid, "vdsm_backup.change.writer")
        frozen.freeze(pids)
        # It waits until the lease of the other one has expired.
        patience = str(PATIENCE)
        done = two.process(
            *["set", sd_id, "--reason", "of the other", "--timeout", patience],
            env=hosts.two.env,
        )
        assert done.code == 0, done.err
        # At worst, the one that would tell of the lost lease comes last.
        holder = proc.find(tool.pid, "vdsm_backup.lease.holder")
        proc.kill(set(pids) - set(holder), signal.SIGCONT)
        wait_until(
            lambda: not proc.find(tool.pid, "vdsm_backup.change.writer"),
            PATIENCE,
        )
        frozen.thaw(pids)
        said = tool.stdout.read()
        assert said.startswith("MetadataChanged"), said
        values = md_lines.parse(
            encoding.decode_file(one.bytes(sd_id), sd_id)
        ).values
        assert values["BACKUP_REASON"] == "of the other"

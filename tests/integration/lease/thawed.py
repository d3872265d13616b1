# SPDX-License-Identifier: GPL-2.0-or-later
"""
A host that stands still in the middle of a change, with its sanlock daemon,
for longer than its lease lasts, and goes on when another host has changed the
flag.
"""

import contextlib
import os
import signal

from tests.integration.lease.scenarios import PATIENCE, scenario
from tests.support import testhost
from tests.support.lease.sanlockd import Host
from tests.support.processes import proc
from tests.support.storage.backends import MISSING
from tests.support.waiting import wait_until
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines


@scenario(
    ("embedded", "create"),
    ("embedded", "commit"),
    *([] if MISSING else [("installed", "commit")]),
)
def thawed_host_changes_nothing(hosts, backend, step):
    path = os.path.join(hosts.dir, f"thawed-{backend}-{step}")
    with contextlib.ExitStack() as stack:
        frozen = stack.enter_context(Host("frozen"))
        one, two = (
            stack.enter_context(
                testhost.Host(
                    os.path.join(path, name),
                    sanlock=sanlock,
                    ioprocess=backend,
                )
            )
            for name, sanlock in (("one", frozen), ("two", hosts.two))
        )
        sd_id = one.domain()
        two.add_mount("_data", one.mount)
        one.initialize(sd_id)
        # It stops by itself, at the step.
        tool = one.start(
            *(one.config, sd_id, "of the frozen one", "tool", step),
            int(signal.SIGSTOP),
            module="tests.support.processes.victim",
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
            *["set", sd_id, "--reason", "of the other", "--timeout", patience]
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

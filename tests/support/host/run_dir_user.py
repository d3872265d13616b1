# SPDX-License-Identifier: GPL-2.0-or-later
"""
Uses the directory of records: the tool, who has become another user, starts a
holder, who is root.

    python -m tests.support.host.run_dir_user CONFIG
    python -m tests.support.host.run_dir_user CONFIG holder
"""

import sys

from tests.support import programs
from vdsm_backup import config
from vdsm_backup.host import user
from vdsm_backup.processes.records import Record


def use(run_dir, name):
    record = Record(run_dir, name)
    record.open()
    assert record.lock()
    record.write([name])
    assert record.read() == [name]
    return record


def tool(options):
    user.become_user(options)
    tools = use(options.run_dir, "sd.lvs")
    programs.run(
        *("tests.support.host.run_dir_user", options.path, "holder"),
        **{"check": True, "user": 0, "group": 0},
    )
    # What root keeps is seen, but is not ours to read.
    kept = Record(options.run_dir, "sd")
    assert kept.exists() and not kept.readable()
    assert tools.readable()


def holder(options):
    assert Record(options.run_dir, "sd.lvs").readable()
    use(options.run_dir, "sd")


if __name__ == "__main__":
    path, *who = sys.argv[1:]
    (holder if who else tool)(config.load(path))

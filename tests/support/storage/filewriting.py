# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests do with a file domain that is written."""

import os

from tests.support.storage import filedomain
from tests.support.waiting import RUNS_OUT, SOON
from vdsm_backup.fileio import choose
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.file import FileStorage

# Seconds: of a change that may hang.
TIMEOUT = RUNS_OUT

# The writer does not wait at the last one: it has ended, or is about to.
STEPS = ["compare", "create", "write", "check", "commit", "confirm"]
BEFORE_CONFIRM = STEPS[:-1]

# The file of a writer that did not come to its commit.
LEFTOVER = "metadata.new.host1.123.0123456789abcdef"


def storage_on(mount, backend, sd_id, timeout=SOON):
    """timeout: seconds; RUNS_OUT where something hangs."""
    io = choose.open(backend, mount, timeout)
    return FileStorage(sd_id, os.path.join(mount, sd_id), io, timeout)


def dom_md(mount, sd_id):
    return os.path.join(mount, sd_id, "dom_md")


def flagged_lines(sd_id, reason=None):
    values = filedomain.metadata(sd_id, BACKUP="True", BACKUP_REASON=reason)
    return md_lines.flush(values)


def put(mount, sd_id, lines):
    """As metadata; None: there is none."""
    if lines is not None:
        filedomain.put(mount, sd_id, lines)
    elif os.path.exists(filedomain.path(mount, sd_id)):
        os.unlink(filedomain.path(mount, sd_id))


def temporaries(mount, sd_id):
    names = os.listdir(dom_md(mount, sd_id))
    return [name for name in names if name.startswith("metadata.new")]


def leave(mount, sd_id, name=LEFTOVER, text="half a lin"):
    path = os.path.join(dom_md(mount, sd_id), name)
    with open(path, "w") as f:
        f.write(text)
    return path


def no_steps(name):
    pass


def at(wanted, action):
    """An on_step that does something at one step."""

    def on_step(name):
        if name == wanted:
            action()

    return on_step

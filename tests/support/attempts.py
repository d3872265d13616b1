# SPDX-License-Identifier: GPL-2.0-or-later
"""An attempt to change a domain, as the command line begins one."""

from vdsm_backup.change.attempt import COMMAND, Attempt
from vdsm_backup.host import caller
from vdsm_backup.metadata import flag


def begin(storage, action, reason):
    by = flag.changed_by(*caller.user_and_host())
    attempt = Attempt(action, reason, by, COMMAND)
    attempt.sd_id = storage.sd_id
    return attempt

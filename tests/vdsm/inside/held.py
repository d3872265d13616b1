# SPDX-License-Identifier: GPL-2.0-or-later
"""A change by VDSM, at a moment that a test chooses."""

import os
import threading

from tests.support.vdsm import inside
from tests.support.waiting import wait_until
from tests.vdsm.inside import faults


def hold_changes(path):
    """
    Each change makes this file right before it writes, and waits until the
    file is gone.
    """

    def wait():
        with open(path, "w"):
            pass
        wait_until(lambda: not os.path.exists(path), 300)

    faults.when_kept(wait)


def stop_spm_when_asked(pool):
    """
    Once, when VDSM is asked for a change: it is the SPM no more when it gets
    to do it.
    """
    from vdsm_backup.plugin import verbs

    original = verbs._require_attached

    def require_attached(*args):
        verbs._require_attached = original
        thread = threading.Thread(target=stop)
        thread.start()
        thread.join()
        original(*args)

    def stop():
        answer = inside.cif.irs.spmStop(pool)
        assert not answer["status"]["code"], answer

    verbs._require_attached = require_attached

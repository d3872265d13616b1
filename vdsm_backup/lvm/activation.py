# SPDX-License-Identifier: GPL-2.0-or-later
"""
The LVs that sanlock opens, active while we need them.

Two tools of one host must not do this at once: the second one would take the
first one's LVs for somebody else's, and lose them. So each holds SD.lvs.lock
from before it activates until after it has deactivated.

What a tool activated is in SD.lvs.json from before it does so until it has
undone it. A tool that was killed leaves it, or one that could not deactivate
because a holder that outlives it, or sanlock, has the LVs open. The next one
knows by it that these LVs are ours to deactivate.
"""

import contextlib
import os
import time

from vdsm_backup import errors
from vdsm_backup.processes.records import Record

# Seconds for sanlock to close an LV after it has left the lockspace.
CLOSING = 5
RETRY = 0.5

# Seconds between two looks at the lock.
_POLL = 0.2

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class _Activation:
    """
    note: called with a text if LVs stay active. That is no reason to call a
    change that was made a failure: VDSM activates these LVs itself, and
    copes.
    """

    def __init__(self, run_dir, sd_id, note):
        self._sd_id = sd_id
        self._note = note
        self._record = Record(run_dir, f"{sd_id}.lvs")

    def left_behind(self):
        """Whether LVs are on record."""
        return self._record.exists()

    def _recorded(self):
        kept = self._record.read()
        boot = _boot()
        if not isinstance(kept, dict) or not boot or kept.get("boot") != boot:
            return []
        names = kept.get("lvs")
        return names if isinstance(names, list) else []

    def _deactivate(self, lvm, vg, names, patience):
        deadline = time.monotonic() + patience
        while True:
            try:
                if names:
                    lvm.deactivate(vg, names)
                return self._record.remove()
            except errors.Error as e:
                if time.monotonic() >= deadline:
                    return self._note(
                        f"{' and '.join(names)} of the domain may stay active"
                        f" on this host, until its next change: {e}"
                    )
            time.sleep(RETRY)


class Activation(_Activation):
    """
    For one lease.

    timeout: to wait for another tool of this host, in seconds.
    require_daemon: raises if sanlock does not run.
    waited: seconds of the timeout that are gone.
    """

    def __init__(
        self, run_dir, sd_id, note, timeout, require_daemon, progress
    ):
        super().__init__(run_dir, sd_id, note)
        self.waited = 0
        self._timeout = timeout
        self._require_daemon = require_daemon
        self._progress = progress

    @contextlib.contextmanager
    def active(self, lvm, vg, paths):
        """
        Activates what is not active, and deactivates only that, and what is
        on record.

        paths: {name of an LV: its device, which is there if it is active}.

        Raises LeaseBusy, LvmFailed, StorageTimeout; SanlockFailed if it
        cannot be used at all.
        """
        # Whoever takes the lease asks for it, too: this is for LVs that would
        # be activated in vain.
        if not all(os.path.exists(path) for path in paths.values()):
            self._require_daemon()
        with contextlib.closing(self._record):
            self._lock()
            recorded = self._recorded()
            inactive = [n for n in paths if not os.path.exists(paths[n])]
            ours = [n for n in paths if n in inactive or n in recorded]
            if inactive:
                self._record.write({"boot": _boot(), "lvs": ours})
            patience = 0
            try:
                _activate(lvm, vg, inactive, paths)
                patience = CLOSING
                yield
            finally:
                self._deactivate(lvm, vg, ours, patience)

    def _lock(self):
        started = time.monotonic()
        told = None
        for owner in self._record.until_locked():
            self.waited = time.monotonic() - started
            if self.waited >= self._timeout:
                raise errors.LeaseBusy(self._sd_id, owner)
            if owner != told:
                self._progress(f"waiting for {owner}")
                told = owner
            time.sleep(_POLL)


class Tidying(_Activation):
    """
    For a run without a lease: activates nothing, and at the end deactivates
    what is on record, unless another tool is at work, which does it, too.
    """

    @contextlib.contextmanager
    def active(self, lvm, vg, paths):
        with contextlib.closing(self._record):
            self._record.open()
            if not self._record.lock():
                yield
                return
            recorded = self._recorded()
            try:
                yield
            finally:
                ours = [name for name in paths if name in recorded]
                self._deactivate(lvm, vg, ours, CLOSING)


def _activate(lvm, vg, names, paths):
    if not names:
        return
    lvm.activate(vg, names)
    for name in names:
        if not os.path.exists(paths[name]):
            reason = f"{paths[name]} did not appear"
            raise errors.LvmFailed("lvchange", 0, reason)


def _boot():
    """
    After another boot, an LV that is active is not by us. "" where nobody
    tells which boot this is, in a rescue system without /proc.
    """
    try:
        with open(_BOOT_ID, encoding="ascii") as f:
            return f.read().strip()
    except FileNotFoundError:
        return ""

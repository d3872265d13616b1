# SPDX-License-Identifier: GPL-2.0-or-later
"""
The LVs that sanlock opens, active while a run needs them.

Two runs on one host must not do this at once: the second one would take the
LVs of the first one for somebody else's, rely on them, and lose them when the
first one deactivates them. So each run holds the lock SD.lvs.lock from before
it activates LVs until after it has deactivated them.

The LVs that a run activates are on record in SD.lvs.json from before they are
active until after they are deactivated. The record stays behind where the run
was killed, or could not deactivate the LVs because sanlock, or a lease holder
that outlives the run, has them open. By the record the next run knows that
these LVs are ours to deactivate.
"""

from __future__ import annotations

import contextlib
import os
import time

from vdsm_backup import errors
from vdsm_backup.processes.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Protocol

    from vdsm_backup.lvm.scan import Vg

    class LvChange(Protocol):
        """What activates LVs, and deactivates them: Lvm is one."""

        def activate(self, vg: Vg, names: Sequence[str]) -> None: ...

        def deactivate(self, vg: Vg, names: Sequence[str]) -> None: ...


# Seconds for sanlock to close an LV after it has left the lockspace.
CLOSING = 5
# Seconds between two attempts to deactivate.
RETRY = 0.5

# Seconds between two attempts to take the lock.
_POLL = 0.2

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class _RecordedLvs:
    """
    The LVs of one domain that runs of this host have activated.

    run_dir: [sanlock] run_dir.
    note: called with a text if LVs stay active. That does not make a change
        that was made a failure: VDSM activates these LVs itself, and copes.
    """

    def __init__(
        self, run_dir: str, sd_id: str, note: Callable[[str], None]
    ) -> None:
        self._sd_id = sd_id
        self._note = note
        self._record = Record(run_dir, f"{sd_id}.lvs")

    def left_behind(self) -> bool:
        """Whether LVs are on record."""
        return self._record.exists()

    def _recorded(self) -> list[str]:
        """Names of the LVs on record, of a record that can be trusted."""
        kept = self._record.read()
        boot = _boot_id()
        if not isinstance(kept, dict) or not boot or kept.get("boot") != boot:
            return []
        names = kept.get("lvs")
        return names if isinstance(names, list) else []

    def _deactivate(
        self, lvm: LvChange, vg: Vg, names: Sequence[str], patience: float
    ) -> None:
        """
        Deactivate these LVs and take them off the record, or note why not.

        patience: seconds to go on trying, since sanlock may still have an LV
            open.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                if names:
                    lvm.deactivate(vg, names)
                self._record.remove()
                return
            except errors.Error as e:
                if time.monotonic() >= deadline:
                    self._note(
                        f"{' and '.join(names)} of the domain may stay active"
                        f" on this host, until its next change: {e}"
                    )
                    return
            time.sleep(RETRY)


class Activation(_RecordedLvs):
    """
    Activates the LVs of a domain for one lease.

    timeout: seconds to wait for another run on this host.
    require_daemon: called before LVs are activated; raises SanlockFailed if
        sanlock does not run.
    progress: called with a text when another run is waited for.
    waited: seconds of the timeout that are gone.
    """

    def __init__(
        self,
        run_dir: str,
        sd_id: str,
        note: Callable[[str], None],
        timeout: float,
        require_daemon: Callable[[], object],
        progress: Callable[[str], None],
    ) -> None:
        super().__init__(run_dir, sd_id, note)
        self.waited = 0.0
        self._timeout = timeout
        self._require_daemon = require_daemon
        self._progress = progress

    @contextlib.contextmanager
    def active(
        self, lvm: LvChange, vg: Vg, paths: Mapping[str, str]
    ) -> Iterator[None]:
        """
        A context in which these LVs are active. At its end, the LVs are
        deactivated that it has activated, and those on record.

        paths: {name of an LV: path of its device, which is there if the LV is
            active}.

        Raises LeaseBusy if another run does not end in time; LvmFailed,
        StorageTimeout; SanlockFailed if sanlock does not run, or run_dir
        cannot be used.
        """
        # Taking the lease asks for the daemon, too. It is asked for here so
        # that LVs are not activated in vain.
        if not all(os.path.exists(path) for path in paths.values()):
            self._require_daemon()
        with contextlib.closing(self._record):
            self._lock()
            recorded = self._recorded()
            inactive = [n for n in paths if not os.path.exists(paths[n])]
            ours = [n for n in paths if n in inactive or n in recorded]
            if inactive:
                self._record.write({"boot": _boot_id(), "lvs": ours})
            patience = 0
            try:
                _activate(lvm, vg, inactive, paths)
                patience = CLOSING
                yield
            finally:
                self._deactivate(lvm, vg, ours, patience)

    def _lock(self) -> None:
        """Wait for the lock. Raises LeaseBusy."""
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


class Tidying(_RecordedLvs):
    """
    Deactivates the LVs on record, in a run that takes no lease.
    """

    @contextlib.contextmanager
    def active(
        self, lvm: LvChange, vg: Vg, paths: Mapping[str, str]
    ) -> Iterator[None]:
        """
        As Activation.active(), but activates nothing: at the end of the
        context, those of these LVs are deactivated that are on record.

        Does nothing while another run has the lock: that run does it.

        Raises RunDirFailed.
        """
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


def _activate(
    lvm: LvChange, vg: Vg, names: Sequence[str], paths: Mapping[str, str]
) -> None:
    """Raises LvmFailed, StorageTimeout."""
    if not names:
        return
    lvm.activate(vg, names)
    for name in names:
        if not os.path.exists(paths[name]):
            reason = f"{paths[name]} did not appear"
            raise errors.LvmFailed("lvchange", 0, reason)


def _boot_id() -> str:
    """
    The ID of the boot of this host, or "" where it is not known: in a rescue
    system without /proc. A record of another boot says nothing of LVs that
    are active now.
    """
    try:
        with open(_BOOT_ID, encoding="ascii") as f:
            return f.read().strip()
    except FileNotFoundError:
        return ""

# SPDX-License-Identifier: GPL-2.0-or-later
"""
Two real VDSMs with sanlock daemons and one pool, as a bridge reaches them.
"""

import contextlib
import os

from tests.support import rundir
from tests.support.bridge.attached import VdsmHost
from tests.support.closing import Closing
from tests.support.lease import sanlockd
from tests.support.storage import loop
from tests.support.vdsm import vdsmhost
from tests.support.vdsm.shared import Shared
from tests.support.waiting import wait_until


class TwoHosts(Closing):
    """
    real, other: their hosts. `real` is the SPM at first.

    count: how many domains there are beside the master.
    """

    def __init__(self, count):
        with contextlib.ExitStack() as stack:
            self._directory = rundir.make("vdsm")
            stack.callback(self._clean)
            self.real, self.other = (
                self._host(stack, number) for number in (1, 2)
            )
            self.other.sshd.let_in(self.real.sshd.identity)
            one, two = self.real.vdsm, self.other.vdsm
            made = [self._shared(one, name) for name in range(count + 1)]
            ids = [each.sd_id for each in made]
            self.sp_id = one.pool(*ids)
            for each in made:
                each.connect(two)
            two.join(self.sp_id, *ids)
            # It joins the lockspaces in the background, and cannot say who is
            # the SPM before.
            wait_until(lambda: self._has_joined(two), 120)
            self._unused = made[1:]
            self._stack = stack.pop_all()

    def close(self):
        self._stack.close()

    def _clean(self):
        vdsmhost.clean_stale(self._directory)
        loop.clean_stale(self._directory)
        rundir.remove(self._directory)

    def _host(self, stack, number):
        daemon = stack.enter_context(sanlockd.Host(f"host{number}", aio=True))
        vdsm = vdsmhost.Host(
            os.path.join(self._directory, f"h{number}"),
            sanlock=daemon,
            host_id=number,
        )
        stack.callback(vdsm.stop)
        return stack.enter_context(VdsmHost(vdsm))

    def _shared(self, host, name):
        made = Shared(self._directory, f"disk{name}")
        made.create(host, 5)
        return made

    def domain(self, version, name):
        """One that nobody has used: (UUID, path of its metadata)."""
        made = self._unused.pop()
        return made.sd_id, made.metafile(self.real.vdsm)

    def move_spm(self, to):
        """to: VdsmHost; None: there is no SPM then."""
        if to is not self.real:
            self._stop(self.real)
        if to is not self.other:
            self._stop(self.other)
        if to and not self._is_spm(to):
            to.vdsm.become_spm(self.sp_id)

    def _stop(self, host):
        if self._is_spm(host):
            host.vdsm.stop_spm(self.sp_id)

    def _is_spm(self, host):
        return self._spm_status(host.vdsm)["spmStatus"] == "SPM"

    def _has_joined(self, vdsm):
        try:
            return self._spm_status(vdsm)
        except vdsmhost.Failed:
            return None

    def _spm_status(self, vdsm):
        return vdsm.call("StoragePool.getSpmStatus", storagepoolID=self.sp_id)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Marks of tests that cannot run everywhere; each skip says why."""

import os
import shutil
import sys
import tempfile

import pytest

from tests import ROOT
from tests.support.lease import sanlockd
from tests.support.storage import hangfs
from vdsm_backup.host import filesystems, mounts
from vdsm_backup.vm.links import mount_of

# As VDSM and libvirt have it, also where kvm has another number.
VDSM = (36, 36)
AS_VDSM = "setpriv --reuid=36 --regid=36 --clear-groups --".split()

needs_fuse = pytest.mark.skipif(
    hangfs.missing() is not None, reason=str(hangfs.missing())
)
needs_sanlock = pytest.mark.skipif(
    sanlockd.missing() is not None, reason=str(sanlockd.missing())
)
slow_to_join = pytest.mark.slow(
    "sanlock takes 3 s to join a lockspace, 2 to leave it"
)


needs_private_tmp = pytest.mark.skipif(
    not filesystems.is_private(
        mount_of(tempfile.gettempdir(), mounts.table())
    ),
    reason=f"other hosts may have what is in {tempfile.gettempdir()}",
)


def needs_command(name):
    return pytest.mark.skipif(
        shutil.which(name) is None, reason=f"{name} is not here"
    )


def no_other_user():
    """Why another user cannot run this code with this Python, or ""."""
    if os.geteuid() != 0:
        return "only root can become another user"
    # The prefix: that of tox is closed.
    for path in (os.path.realpath(sys.executable), sys.prefix, ROOT):
        while path != "/":
            if not os.stat(path).st_mode & 0o001:
                return f"another user cannot run us: {path} is closed"
            path = os.path.dirname(path)
    return ""


needs_other_user = pytest.mark.skipif(
    bool(no_other_user()), reason=no_other_user()
)

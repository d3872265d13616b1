# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command as a process, on file domains with real leases.

    pytest_plugins = [
        "tests.support.clifixtures",
        "tests.support.lease.leasedhost",
    ]
"""

import glob
import os
import signal

import pytest

from tests.support import testhost
from tests.support.clifixtures import OWNER
from tests.support.lease import flocks, sanlockd
from tests.support.waiting import wait_until


class LeasedHost(testhost.Host):
    """A host whose domains have leases."""

    def close(self):
        """
        When all holders have left: an interrupted tool ends before its holder
        does, and the next test may have the same domain in another place.
        """
        locks = glob.glob(os.path.join(self.run_dir, "*.lock"))
        wait_until(
            lambda: all(map(flocks.is_free, locks)), what=f"{locks} are free"
        )
        super().close()

    def domain(self, **values):
        sd_id = super().domain(owner=OWNER, **values)
        self.initialize(sd_id)
        return sd_id

    def leases(self, sd_id):
        dom_md = os.path.join(self.mount, sd_id, "dom_md")
        return sanlockd.Leases(sd_id, dom_md)

    def joined(self, sd_id):
        return sd_id in self.sanlock.call("lockspaces")

    def record(self, sd_id):
        return os.path.join(self.run_dir, f"{sd_id}.json")

    def assert_tidy(self, sd_id):
        """Nothing is left of a run."""
        assert not self.joined(sd_id)
        assert not os.path.exists(self.record(sd_id))

    def holder(self, sd_id):
        """The pid of the lease's holder."""
        with open(os.path.join(self.run_dir, f"{sd_id}.lock")) as f:
            return int(f.read())

    def kill_run(self, command, sd_id, *args):
        """A run whose tool and holder are killed when it has joined."""
        with self.start(command, sd_id, *args) as process:
            wait_until(lambda: self.joined(sd_id))
            process.kill()
            os.kill(self.holder(sd_id), signal.SIGKILL)
            process.communicate()
        assert self.joined(sd_id)

    def killed_runs(self):
        """What doctor says of them: (state, text, hint)."""
        checks = self.process("doctor", "--json").json["checks"]
        (found,) = [c for c in checks if c["name"] == "killed runs"]
        return found["state"], found["text"], found["hint"]


@pytest.fixture
def leased(directory, sanlock):
    path = os.path.join(directory, "host")
    user, group = OWNER
    with LeasedHost(
        path, sanlock=sanlock, user=user, group=group, settle=3
    ) as host:
        yield host

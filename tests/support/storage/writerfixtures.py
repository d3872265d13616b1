# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the tests of the writer process on file domains share.

    pytest_plugins = ["tests.support.storage.writerfixtures"]

The lease is played by a socket: what matters here is who has it, and for how
long. lease_test.py shows that sanlock goes by exactly that.
"""

import contextlib
import threading

import pytest

from tests.support.lease.socketlease import SocketLease
from tests.support.storage import filedomain
from tests.support.storage.filewriting import TIMEOUT, storage_on
from vdsm_backup.change import write
from vdsm_backup.metadata import lines as md_lines

# Words in the command line of a process that makes calls to storage.
WORKERS = ("vdsm_backup.fileio.worker", "libexec/ioprocess")


@pytest.fixture
def held():
    with contextlib.closing(SocketLease()) as held:
        yield held


class Domain:
    """A file domain, and the change of its flag from old to new lines."""

    def __init__(self, mount, backend, sd_id=None):
        self.mount = mount
        self.backend = backend
        self.sd_id = sd_id or filedomain.make(mount)
        self.storage = self.open()
        self.old = self.storage.read()
        self.new = self.flagged("True")

    def open(self):
        return storage_on(self.mount, self.backend, self.sd_id, TIMEOUT)

    def flagged(self, value):
        """The old lines with another flag."""
        values = md_lines.parse(self.old).values
        return md_lines.flush({**values, "BACKUP": value})

    def write(self, held, on_step=lambda name: None):
        return write.run(
            *(self.storage, self.old, self.new, held, TIMEOUT), on_step
        )

    def read(self):
        """By a fresh process, as others see it."""
        return self.open().read()

    def past(self, hang):
        """The same domain as another host has it, which does not hang."""
        return Domain(hang.root, self.backend, self.sd_id)


@contextlib.contextmanager
def meanwhile(action):
    """In a thread, which has ended at the end."""
    thread = threading.Thread(target=action)
    thread.start()
    try:
        yield
    finally:
        thread.join()

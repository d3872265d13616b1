# SPDX-License-Identifier: GPL-2.0-or-later
"""
Block devices that hang or fail on demand.

    pytest_plugins = ["tests.support.storage.faultydevice"]
"""

import contextlib
import os

import pytest

from tests.support.storage import hangfs, loop


class FaultyDevice:
    """
    A loop device over a file that can be made to hang or fail, for all who
    read: on this machine that may be an lvm of others, limited to nothing.
    """

    def __init__(self, fs, source=None):
        self.fs = fs
        target = os.path.join(fs.root, "device")
        if source:
            loop.copy_file(source, target)
        else:
            loop.make_file(target, 256 * 1024**2)
        file = os.path.join(fs.mount, "device")
        self.path = loop.attach(file, direct=True)

    def hang(self, call):
        self.fs.hang(call, "device")

    def fail(self, error):
        self.fs.fail("read", error, "device")


@pytest.fixture
def faulty():
    with contextlib.ExitStack() as stack:
        fs = stack.enter_context(hangfs.Hangfs())

        def make(source=None):
            device = FaultyDevice(fs, source)
            stack.callback(loop.detach, device.path)
            stack.callback(fs.clear)
            return device

        yield make

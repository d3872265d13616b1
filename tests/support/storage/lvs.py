# SPDX-License-Identifier: GPL-2.0-or-later
"""
The LVs of a lease on one host, and the tools that activate them: real
processes and locks, LVs that are files.

    pytest_plugins = ["tests.support.storage.lvs"]

An LV is active if its file is there, and open if NAME.open is.
"""

import contextlib
import json
import os
import signal

import pytest

from tests.support import programs
from tests.support.closing import Closing
from vdsm_backup import errors
from vdsm_backup.lvm import activation

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
NAMES = ("ids", "leases")


class Lvm:
    """lvchange on a machine with device-mapper."""

    def __init__(self, directory):
        self._dir = directory
        self.calls = []
        self.fail_after = None

    def activate(self, vg, names):
        self.calls.append(("activate", list(names)))
        for i, name in enumerate(names):
            if self.fail_after == i:
                raise errors.LvmFailed("lvchange", 5, "no")
            open(os.path.join(self._dir, name), "w").close()

    def deactivate(self, vg, names):
        self.calls.append(("deactivate", list(names)))
        for name in names:
            path = os.path.join(self._dir, name)
            if os.path.exists(f"{path}.open"):
                raise errors.LvmFailed("lvchange", 5, f"{name} is in use")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


class Lvs:
    """The LVs of a domain on one host, and the tools that use them."""

    def __init__(self, lv_dir, run_dir):
        self.dir = lv_dir
        self.run_dir = run_dir
        self.lvm = Lvm(self.dir)
        self.notes = []
        self.told = []
        self.daemon = None

    def active(self, timeout=20):
        return self._context(
            activation.Activation(
                self.run_dir,
                SD,
                self.notes.append,
                timeout,
                self._require_daemon,
                self.told.append,
            )
        )

    def tidy(self):
        tidying = activation.Tidying(self.run_dir, SD, self.notes.append)
        with self._context(tidying):
            pass

    def _context(self, how):
        paths = {name: os.path.join(self.dir, name) for name in NAMES}
        return how.active(self.lvm, "vg", paths)

    def _require_daemon(self):
        if self.daemon:
            raise self.daemon

    def there(self):
        return sorted(os.listdir(self.dir))

    def touch(self, name):
        open(os.path.join(self.dir, name), "w").close()

    def remove(self, name):
        os.unlink(os.path.join(self.dir, name))

    @property
    def record(self):
        return os.path.join(self.run_dir, f"{SD}.lvs.json")

    def recorded(self):
        if not os.path.exists(self.record):
            return None
        with open(self.record) as f:
            return json.load(f)["lvs"]


@pytest.fixture
def lvs(tmp_path, monkeypatch):
    monkeypatch.setattr(activation, "CLOSING", 0.2)
    monkeypatch.setattr(activation, "RETRY", 0.05)
    lv_dir = tmp_path / "dev"
    lv_dir.mkdir()
    return Lvs(str(lv_dir), str(tmp_path / "run"))


class Tool(Closing):
    """One in a process of its own, which is active until done()."""

    def __init__(self, lvs):
        self._process = programs.start(
            "tests.support.storage.activator", lvs.dir, lvs.run_dir
        )
        self.pid = self._process.pid

    def close(self):
        self._process.kill()
        self._process.communicate()

    def active(self):
        assert self._process.stdout.readline() == "active\n"

    def done(self):
        return self._process.communicate()[0]

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait()

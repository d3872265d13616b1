# SPDX-License-Identifier: GPL-2.0-or-later
"""A gate of the guard inside VDSM, on flags that a test sets."""

import pytest

from tests.support.vdsm import vdsmvms
from tests.support.vdsm.gatekept import World
from vdsm_backup.plugin import gatekeeper
from vdsm_backup.plugin.shared_reads import Reads


@pytest.fixture
def world(monkeypatch):
    vdsmvms.be_imported(monkeypatch)
    world = World()
    monkeypatch.setattr(gatekeeper, "_read_lines", world.lines)
    monkeypatch.setattr(gatekeeper, "_reads", Reads())
    return world


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vdsm-backup.conf"


@pytest.fixture
def gate(path, world, entries):
    path.write_text("")
    return gatekeeper.Gate(str(path))

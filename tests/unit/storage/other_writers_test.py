# SPDX-License-Identifier: GPL-2.0-or-later
"""Which files are those of a writer; the fence is in tests/integration."""

import socket

import pytest

from vdsm_backup.storage import other_writers, replacement


@pytest.mark.parametrize("host", ["host1", "", "a b/c", "host.example.com"])
def test_whatever_the_name_of_the_host_is(monkeypatch, host):
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert other_writers._WRITERS_FILE.fullmatch(replacement._temporary_name())


@pytest.mark.parametrize("name", ["metadata.new", "metadata", "ids"])
def test_vdsms_own_files_are_none(name):
    assert not other_writers._WRITERS_FILE.fullmatch(name)

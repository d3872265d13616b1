# SPDX-License-Identifier: GPL-2.0-or-later
import pytest


@pytest.fixture
def scene(tmp_path, monkeypatch):
    # It needs the sanlock binding, and other tests here do not.
    from tests.support.lease.membershipscene import Scene

    return Scene(str(tmp_path), monkeypatch)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Links below tmp_path, and what is looked at on the way."""

import os

import pytest


@pytest.fixture
def link(tmp_path):
    def link(name, target):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    return link


@pytest.fixture
def touched(monkeypatch):
    """The paths that are looked at."""
    seen = []
    real = os.readlink

    def readlink(path, **kwargs):
        seen.append(path)
        return real(path, **kwargs)

    monkeypatch.setattr(os, "readlink", readlink)
    for call in ("stat", "lstat", "listdir", "scandir", "open"):
        monkeypatch.setattr(os, call, lambda *args, **kwargs: 1 / 0)
    return seen

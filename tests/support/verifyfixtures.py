# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the tests of verify on one file domain share.

    pytest_plugins = ["tests.support.verifyfixtures"]
"""

import os

import pytest

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def dom_md(host):
    """Of the domain A."""
    host.domain(sd_id=A, name="data1")
    return os.path.join(host.mount, A, "dom_md")


def row(host, *args):
    """The only one of verify."""
    done = host.json("verify", *args)
    (found,) = done.json["domains"]
    assert found["ok"] == (not found["problems"])
    assert done.code == (0 if found["ok"] else 1)
    return found


def problems(host, *args):
    """[(code, message), ...]"""
    return [(p["code"], p["message"]) for p in row(host, *args)["problems"]]


def only_notes(host):
    found = row(host)
    assert found["problems"] == []
    return found["notes"]

# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a real engine is tested, and why not."""

import os
import re

import pytest

from tests import ROOT
from tests.support.bridge import real_engine


@pytest.mark.skipif(
    bool(real_engine.missing()), reason=real_engine.missing() or "-"
)
def test_environment_of_a_real_engine():
    assert real_engine.mistakes() == []


GOOD = {
    "VDSM_BACKUP_ENGINE_URL": "https://engine.example.com/ovirt-engine/api",
    "VDSM_BACKUP_ENGINE_USER": "bridge@internal",
    "VDSM_BACKUP_ENGINE_PASSWORD_FILE": __file__,
}


def test_environment_that_is_good():
    assert real_engine.missing(GOOD) == ""
    assert real_engine.mistakes(GOOD) == []


@pytest.mark.parametrize(
    "more, words",
    [
        ({"VDSM_BACKUP_ENGINE_USER": ""}, "USER is missing"),
        ({"VDSM_BACKUP_ENGINE_DOMAINS": "x"}, "DOMAINS is none of"),
        ({"VDSM_BACKUP_ENGINE_CA_FILE": "/no/ca.pem"}, "cannot be read"),
        ({"VDSM_BACKUP_ENGINE_OTHER_USER": "carol"}, "OTHER_PASSWORD_FILE is"),
        (
            {
                "VDSM_BACKUP_ENGINE_DOMAIN": "x",
                "VDSM_BACKUP_ENGINE_BUSY_DOMAIN": "x",
            },
            "is the same as",
        ),
    ],
)
def test_environment_with_a_mistake(more, words):
    (found,) = real_engine.mistakes({**GOOD, **more})
    assert words in found


def test_page_has_each_name():
    with open(os.path.join(ROOT, "docs", "bridge.md")) as f:
        text = f.read().partition("## Tests against an engine")[2]
    rows = re.findall(r"(?m)^\| (`.*?`) \|", text)
    named = {
        f"VDSM_BACKUP_ENGINE_{name}"
        for row in rows
        for name in re.findall("`([A-Z_]+)`", row)
    }
    assert named == real_engine.NAMES


def test_workers_leave_a_real_engine_alone():
    worker = {**GOOD, "PYTEST_XDIST_WORKER": "gw0"}
    assert "one process" in real_engine.missing(worker)
    assert "VDSM_BACKUP_ENGINE_URL" in real_engine.missing({})

# SPDX-License-Identifier: GPL-2.0-or-later
"""doctor says of file domains what verify says."""

import os
import shutil

from tests.support.storage import harms
from tests.support.verifyfixtures import A

pytest_plugins = ["tests.support.verifyfixtures"]


def test_doctor_says_the_same(host, dom_md):
    harms.zeroed(os.path.join(dom_md, "ids"))
    shutil.rmtree(os.path.join(host.mount, A, "images"))
    checks = host.json("doctor").json["checks"]
    found = {c["state"]: c for c in checks if c["name"] == f"domain {A}"}
    assert "error 9620: ids of " in found["bad"]["text"]
    assert "explain 9620" in found["bad"]["hint"]
    assert found["note"]["text"] == "it has no directory images"
    assert "domains" not in {c["name"] for c in checks}


def test_doctor_says_what_was_looked_at(host, dom_md):
    checks = host.json("doctor").json["checks"]
    (found,) = [c for c in checks if c["name"] == "domains"]
    assert found["state"] == "ok"
    assert found["text"].startswith("looked at: metadata, ")

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The flag, set on one host and seen on the other, on all storage: see
stories.flagged().
"""

import pytest

from tests.e2e.domains import NAMES
from tests.e2e.stories import CHECKED, SET


def test_clocks_do_not_agree(flagged):
    """Nothing here may depend on that: 100 seconds, see box/guest/boot."""
    one, two = flagged["clocks"]
    assert two - one > 50


def test_set(flagged, domain):
    done = flagged["set"][domain.name]
    assert done.rc == 0, done
    assert done.json["changed"]


def test_set_is_seen_at_once(flagged, domain):
    setter = "host1" if domain.version == 4 else "host2"
    for host in (0, 1):
        before = flagged["before"][host][domain.name]
        assert (before["flag"], before["seal"]) == (False, "valid")
        after = flagged["after set"][host][domain.name]
        assert (after["flag"], after["reason"]) == (True, SET)
        assert after["by"] == f"root@{setter}"
        assert (after["seal"], after["error"]) == ("valid", None)


def test_list_as_vdsm(flagged):
    """Who may read the metadata, and run lvm by sudo."""
    done = flagged["as vdsm"]
    assert done.rc == 0, done
    listed = done.json["domains"]
    flags = {one["name"]: (one["flag"], one["error"]) for one in listed}
    assert {flags[name] for name in NAMES} == {(True, None)}


def test_show(flagged, domain):
    shown = flagged["show"][domain.name].json["domain"]
    assert shown["id"] == domain.sd_id
    assert shown["version"] == domain.version
    assert shown["kind"] == ("block" if domain.block else "file")
    assert (shown["flag"], shown["reason"]) == (True, SET)
    assert shown["origin_match"] == "same"


@pytest.mark.parametrize("name", CHECKED)
def test_check(flagged, name):
    refused = flagged["run"][name]
    assert refused.rc == 4
    (refusal,) = refused.json["refusals"]
    assert name in refusal["message"]
    assert SET in refusal["message"]
    assert flagged["copy"][name].rc == 0


def test_verify(flagged, all_domains):
    assert flagged["verify"].rc == 0, flagged["verify"]
    verified = flagged["verify"].json["domains"]
    ids = {domain.sd_id for domain in all_domains.values()}
    assert {one["id"] for one in verified} == ids
    assert [one["problems"] for one in verified if not one["ok"]] == []


def test_doctor(flagged):
    """All that a host without VDSM can have is well."""
    checks = flagged["doctor"].json["checks"]
    assert [check for check in checks if check["state"] == "bad"] == []
    fine = {check["name"] for check in checks if check["state"] == "ok"}
    assert {"sudo", "sanlock", "lvm", "package", "guard"} <= fine
    hooks = {c["name"] for c in checks if "hook" in c["name"]}
    assert len(hooks) == 5
    assert hooks <= fine

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The flag, changed on one host and seen on the other, on all storage. Host 1
sets it on the V4 domains, host 2 on the V5 ones; each clears the other's.
"""

import pytest

from tests.e2e.box.box import Host, together
from tests.e2e.domains import NAMES

REASON = "nightly copies, site B"


@pytest.fixture(scope="module")
def story(box, all_domains):
    """
    What either host said, each time right after the other one's change,
    before which it had read the old state; by what, then by domain's name.
    """
    hosts = {4: box.hosts, 5: box.hosts[::-1]}
    seen = {"before": together(Host.listed, box.hosts)}

    def each(what, setter, command, *args):
        """On all at the same time, by the host that sets, or the other."""

        def of(domain):
            host = hosts[domain.version][0 if setter else 1]
            return host.tool("--json", command, domain.name, *args)

        done = together(of, all_domains.values())
        seen[what] = dict(zip(all_domains, done))

    each("set", True, "set", "--reason", REASON)
    seen["after set"] = together(Host.listed, box.hosts)
    seen["verify"] = box.hosts[0].json("verify")
    each("show", False, "show")
    each("run", False, "check", "--operation", "run")
    each("copy", False, "check", "--operation", "copy")
    each("clear", False, "clear", "--reason", "on tape")
    seen["after clear"] = together(Host.listed, box.hosts)
    for number, host in enumerate(box.hosts):
        seen[f"joined {number}"] = host.run("sanlock client status").out
        seen[f"maps {number}"] = host.run("dmsetup ls").out
    return seen


@pytest.fixture(params=NAMES)
def domain(request, all_domains):
    return all_domains[request.param]


def test_set(story, domain):
    done = story["set"][domain.name]
    assert done.rc == 0, done
    assert done.json["changed"]


def test_set_is_seen_at_once(story, domain):
    setter = "host1" if domain.version == 4 else "host2"
    for host in (0, 1):
        before = story["before"][host][domain.name]
        assert (before["flag"], before["seal"]) == (False, "valid")
        after = story["after set"][host][domain.name]
        assert (after["flag"], after["reason"]) == (True, REASON)
        assert after["by"] == f"root@{setter}"
        assert (after["seal"], after["error"]) == ("valid", None)


def test_show(story, domain):
    shown = story["show"][domain.name].json["domain"]
    assert shown["id"] == domain.sd_id
    assert shown["version"] == domain.version
    assert shown["kind"] == ("block" if domain.block else "file")
    assert (shown["flag"], shown["reason"]) == (True, REASON)
    assert shown["origin_match"] == "same"


def test_verify(story, all_domains):
    verified = story["verify"]["domains"]
    assert {v["id"] for v in verified} >= {
        domain.sd_id for domain in all_domains.values()
    }
    assert [v["problems"] for v in verified if not v["ok"]] == []


def test_check(story, domain):
    refused = story["run"][domain.name]
    assert refused.rc == 4
    (refusal,) = refused.json["refusals"]
    assert domain.name in refusal["message"]
    assert REASON in refusal["message"]
    assert story["copy"][domain.name].rc == 0


def test_clear_is_seen_at_once(story, domain):
    assert story["clear"][domain.name].rc == 0, story["clear"]
    clearer = "host2" if domain.version == 4 else "host1"
    for host in (0, 1):
        after = story["after clear"][host][domain.name]
        assert (after["flag"], after["reason"]) == (False, "on tape")
        assert after["by"] == f"root@{clearer}"
        assert (after["seal"], after["error"]) == ("valid", None)


@pytest.mark.parametrize("number", [0, 1])
def test_nothing_is_left_behind(story, all_domains, number):
    """No lockspace, no active LV, no temporary file."""
    for domain in all_domains.values():
        assert domain.sd_id not in story[f"joined {number}"]
        dashes = domain.sd_id.replace("-", "--")
        assert dashes not in story[f"maps {number}"]


def test_no_temporary_files(story, host1, all_domains):
    for domain in all_domains.values():
        if not domain.block:
            directory = f"{domain.place}/{domain.sd_id}/dom_md"
            assert "metadata.new" not in host1.run(f"ls {directory}").out


def test_history(story, host1):
    """Each host keeps what it has changed itself."""
    copies = host1.json("history", "iscsi4")["copies"]
    assert {copy["action"] for copy in copies} == {"set"}


def test_doctor(story, host1):
    """All that a host without VDSM can have is well."""
    checks = host1.tool("--json", "doctor").json["checks"]
    bad = {check["name"] for check in checks if check["state"] == "bad"}
    # There is no VDSM in the box.
    assert bad <= {"plugin"}, checks
    fine = {check["name"] for check in checks if check["state"] == "ok"}
    assert {"sudo", "sanlock", "lvm", "package", "guard"} <= fine
    hooks = {c["name"] for c in checks if "hook" in c["name"]}
    assert len(hooks) == 5
    assert hooks <= fine

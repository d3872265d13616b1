# SPDX-License-Identifier: GPL-2.0-or-later
"""
The flag, cleared on the other host than the one that set it: see
stories.cleared().
"""

import pytest

from tests.e2e.box.box import together
from tests.e2e.domains import NAMES
from tests.e2e.stories import CLEAR, disk, setter
from tests.e2e.vmxml import vm

POINTS = ("before_vm_start", "before_vm_migrate_destination")


def test_clear_is_seen_at_once(cleared, domain):
    assert cleared["clear"][domain.name].rc == 0, cleared["clear"]
    clearer = "host2" if domain.version == 4 else "host1"
    for host in (0, 1):
        after = cleared["after clear"][host][domain.name]
        assert (after["flag"], after["reason"]) == (False, CLEAR)
        assert after["by"] == f"root@{clearer}"
        assert (after["seal"], after["error"]) == ("valid", None)


@pytest.mark.parametrize("number", [0, 1])
def test_nothing_is_left_behind(cleared, domain, number):
    """No lockspace, no active LV."""
    assert domain.sd_id not in cleared["joined"][number]
    assert domain.sd_id.replace("-", "--") not in cleared["maps"][number]


def test_no_temporary_files(cleared, host1, all_domains):
    for domain in all_domains.values():
        if not domain.block:
            directory = f"{domain.place}/{domain.sd_id}/dom_md"
            assert "metadata.new" not in host1.run(f"ls {directory}").out


@pytest.mark.parametrize("number, action", [(0, "set"), (1, "clear")])
def test_history(cleared, box, number, action):
    """Each host keeps what it has changed itself."""
    copies = box.hosts[number].json("history", "iscsi4")["copies"]
    assert [copy["action"] for copy in copies] == [action]


@pytest.fixture(scope="module")
def allowed(cleared, box, all_domains):
    """
    {name: Done of the hooks}, on the host that did not clear it. Both hosts at
    the same time.
    """

    def ask(host):
        found = {}
        for domain in map(all_domains.get, NAMES):
            if setter(box, domain) is host:
                with disk(host, domain) as path:
                    jobs = [host.hook(point, vm(path)) for point in POINTS]
                    found[domain.name] = [job.wait() for job in jobs]
        return found

    one, two = together(ask, box.hosts)
    return {**one, **two}


@pytest.mark.parametrize("name", NAMES)
def test_hooks_allow(allowed, name):
    assert [(done.rc, done.err) for done in allowed[name]] == [(0, "")] * 2

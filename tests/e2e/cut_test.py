# SPDX-License-Identifier: GPL-2.0-or-later
"""The network of a host is cut while it changes the flag."""

import pytest

from tests.e2e.box.box import together

# Before this step of the change the network goes. A file is looked at once
# more after "commit", and then nothing is written. What became of a VG only a
# reader can tell.
STEPS = {"nfs4": "create", "nfs5": "commit", "iscsi4": "commit"}
UNKNOWN = ("iscsi4",)

REASON = "of the cut"

_LOOK_AT_FILE = "until timeout 60 cat {path} >/dev/null; do sleep 1; done"
# All of them: to find a domain by its name, each is read.
_LOOK_AT_LUNS = (
    "for lun in /dev/mapper/36001405*; do until timeout 60 dd if=$lun"
    " of=/dev/null bs=4096 count=1 iflag=direct; do sleep 1; done; done"
)
_GIVEN_UP = "while sanlock client status | grep {sd_id}; do sleep 1; done"


@pytest.fixture(scope="module")
def cut(box, all_domains):
    """
    What host 1 said of its changes, which all ended by themselves with the
    network still cut, and what host 2 saw; by what, then by domain's name.
    """
    host1, host2 = box.hosts
    victims = {name: all_domains[name] for name in STEPS}
    seen = {"before": host2.listed()}
    jobs = {
        name: host1.as_tool("stop", domain.sd_id, REASON, STEPS[name])
        for name, domain in victims.items()
    }
    for name, job in jobs.items():
        job.expect(f"at {STEPS[name]}")
    with host1.no_network():
        host1.go_on(*victims.values())
        seen["said"] = {n: job.wait(timeout=900) for n, job in jobs.items()}
    together(lambda domain: healed(host1, domain), victims.values())
    seen["after cut"] = host2.listed()
    why = ("--reason", "healed", "--replace")
    done = together(lambda name: host1.tool("set", name, *why), STEPS)
    seen["set"] = dict(zip(STEPS, done))
    seen["after set"] = host2.listed()
    return seen


def healed(host, domain):
    """Its storage answers, and sanlock has given up what it had there."""
    host.run(_LOOK_AT_LUNS)
    if not domain.block:
        host.run(_LOOK_AT_FILE.format(path=domain.metadata))
    host.run(_GIVEN_UP.format(sd_id=domain.sd_id))


@pytest.mark.parametrize("name", STEPS)
def test_told(cut, name):
    said = cut["said"][name]
    known = ("StorageTimeout", "WriteFailed")
    if name in UNKNOWN:
        known = "OutcomeUnknown"
    assert said.out.splitlines()[-1].startswith(known), said


@pytest.mark.parametrize("name", STEPS)
def test_old_or_new(cut, name):
    before, after = cut["before"][name], cut["after cut"][name]
    assert (after["seal"], after["error"]) == ("valid", None)
    old, new = (before["flag"], before["reason"]), (True, REASON)
    may_be = (old, new) if name in UNKNOWN else (old,)
    assert (after["flag"], after["reason"]) in may_be


@pytest.mark.parametrize("name", STEPS)
def test_next_change_works(cut, name):
    assert cut["set"][name].rc == 0, cut["set"][name]
    after = cut["after set"][name]
    assert (after["seal"], after["error"]) == ("valid", None)
    assert (after["flag"], after["reason"]) == (True, "healed")

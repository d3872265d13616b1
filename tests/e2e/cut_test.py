# SPDX-License-Identifier: GPL-2.0-or-later
"""The network of a host is cut while it changes the flag."""

import pytest

# Before each of these the tool waits. After "commit" only a reader can tell.
STEPS = {
    "nfs4": ("create", "commit"),
    "iscsi4": ("commit",),
}

_LOOK_AT_FILE = "until timeout 60 cat {path} >/dev/null; do sleep 1; done"
_LOOK_AT_LUN = (
    "until timeout 60 dd if=/dev/mapper/{place} of=/dev/null bs=4096 count=1"
    " iflag=direct; do sleep 1; done"
)
_GIVEN_UP = "while sanlock client status | grep {sd_id}; do sleep 1; done"


@pytest.mark.parametrize(
    "name, step",
    [(name, step) for name, steps in STEPS.items() for step in steps],
)
def test_cut(host1, host2, all_domains, name, step):
    domain = all_domains[name]
    before = host2.json("show", domain.name)["domain"]
    job = host1.as_tool("stop", domain.sd_id, "of the cut", step)
    job.expect(f"at {step}")
    with host1.no_network():
        host1.run(f"touch /run/go-on.{domain.sd_id}")
        # Bounded: it ends by itself, with the network still cut.
        said = job.wait(timeout=900)
    host1.run(f"rm /run/go-on.{domain.sd_id}")
    print(said)
    known = ("WriteFailed", "StorageTimeout", "OutcomeUnknown", "LeaseLost")
    assert said.out.splitlines()[-1].startswith(known), said
    # Once sanlock has given up the lockspace that it could not renew, what is
    # there is whole, old or new, and the next change just works.
    look = _LOOK_AT_LUN if domain.block else _LOOK_AT_FILE
    host1.run(look.format(path=domain.metadata, place=domain.place))
    host1.run(_GIVEN_UP.format(sd_id=domain.sd_id))
    shown = host2.json("show", domain.name)["domain"]
    assert (shown["seal"], shown["error"]) == ("valid", None)
    assert shown["reason"] in (before["reason"], "of the cut")
    host1.tool("set", domain.name, "--reason", "healed", check=0)
    assert host2.json("show", domain.name)["domain"]["reason"] == "healed"
    host2.tool("clear", domain.name, "--reason", "tested", check=0)

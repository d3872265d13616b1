# SPDX-License-Identifier: GPL-2.0-or-later
"""
What happens to a bridge in the box, once: an engine's boxes are ticked and
unticked, flags are set and cleared on hosts, the SPM moves, the bridge is
killed, and a host is cut off.
"""

import contextlib

from tests.e2e import bridging, domains
from tests.e2e.box.box import Host, together
from tests.e2e.bridging import Bridge
from tests.e2e.cut_test import healed
from tests.e2e.stories import disk
from tests.e2e.vmxml import vm

# Of the engine's domains. What other tests do to storage does not count: those
# on NFS are made for this, and nobody flags the LUN.
TICKED = ("nfs", "iscsi")
ON_NFS = ("nfs", "typed", "cut")
LUN = "hang"

USERS = {
    "nfs": "anna@internal-authz",
    "iscsi": "bob@internal-authz",
    "cut": "carol@internal-authz",
}
TYPED = "by hand"
CLEARED = "copies are on tape"

BOTH = {"box": True, "flag": "on", "why": None}
NEITHER = {"box": False, "flag": "off", "why": None}

UNTICKED = "the box was unticked"
LOWERED = "the flag was cleared while the box was ticked"


def play(box, all_domains):
    """What was seen and said, by what."""
    host1, host2 = box.hosts
    seen = {}
    made = [domains.Domain(n, "nfs", 5, domains.MOUNT) for n in ON_NFS]
    made = domains.make(host1, *made)
    ours = {"iscsi": all_domains[LUN], **dict(zip(ON_NFS, made))}
    seen["domains"] = ours
    with Bridge(box.storage, box.hosts, ours) as bridge:
        bridge.wait(**{n: {"box": False, "flag": "never"} for n in ours})
        tick(box, bridge, seen)
        untick(box, bridge, seen)
        with host1.no_network():
            cut(box, bridge, seen)
        agree(box, bridge, seen)
        seen["engine"] = bridge.do()
        seen["stopped"] = bridge.stop()
    # Its LUNs, and NFS.
    healed(host1, ours["nfs"])
    seen["listed"] = together(Host.listed, box.hosts)
    seen["changed"] = dict(
        zip((h.name for h in box.hosts), together(changes, box.hosts))
    )
    return seen


def tick(box, bridge, seen):
    """
    Two boxes are ticked at once. The SPM moves while the first of them is
    being done. Meanwhile somebody sets a flag by the command line.
    """
    host1, host2 = box.hosts
    ours = seen["domains"]
    first, second = sorted(TICKED, key=lambda name: ours[name].sd_id)
    seen["order"] = {first: host1.name, second: host2.name}
    bridge.do(*(("edit", n, USERS[n], {"backup": True}) for n in TICKED))
    bridge.changes_on(host1, first)
    bridge.move_spm(host2)
    typed = ("set", ours["typed"].sd_id, "--reason", TYPED)
    host2.tool(*typed, check=0)
    wanted = dict.fromkeys((*TICKED, "typed"), BOTH)
    seen["ticked"] = bridge.wait(**wanted)
    seen["shown"] = together(Host.listed, box.hosts)
    seen["refused"] = refusals(box, ours)


def untick(box, bridge, seen):
    """The box of one is unticked, the flag of the other one cleared."""
    host1, _ = box.hosts
    bridge.do(
        ("spm", host1.name),
        ("edit", "nfs", USERS["nfs"], {"backup": False}),
    )
    clear(host1, seen["domains"]["iscsi"])
    seen["differ"] = bridge.wait(nfs={"why": UNTICKED}, iscsi={"why": LOWERED})
    seen["ssh"] = [bridging.ssh_counts(host) for host in box.hosts]


def cut(box, bridge, seen):
    """
    The SPM is cut off when a box is ticked. The next SPM sets the flag; the
    bridge is killed meanwhile, and another one goes on.
    """
    _, host2 = box.hosts
    bridge.edit("cut", USERS["cut"], backup=True)
    seen["cut"] = bridge.wait(cut={"box": True, "flag": "unknown"})
    bridge.move_spm(host2)
    bridge.changes_on(host2, "cut")
    seen["killed"] = bridge.kill()
    bridge.changed_on(host2, "cut")
    seen["left"] = bridge.status()
    bridge.start()
    seen["again"] = bridge.wait(cut=BOTH)


def agree(box, bridge, seen):
    """What was not done in untick() is done: each in another order."""
    _, host2 = box.hosts
    bridge.edit("iscsi", USERS["iscsi"], backup=False)
    clear(host2, seen["domains"]["nfs"])
    seen["agreed"] = bridge.wait(nfs=NEITHER, iscsi=NEITHER)


def clear(host, domain):
    host.tool("clear", domain.sd_id, "--reason", CLEARED, check=0)


def changes(host):
    """{UUID of a domain: [what this host has changed there]}"""
    return {
        one["domain"]: [(c["action"], c["result"]) for c in one["copies"]]
        for one in host.json("history", "--all")["histories"]
    }


def refusals(box, ours):
    """{(host, domain): Done of a hook about a VM there}"""
    with contextlib.ExitStack() as stack:
        jobs = {
            (host.name, name): host.hook(
                "before_vm_start",
                vm(stack.enter_context(disk(host, ours[name]))),
            )
            for host in box.hosts
            for name in TICKED
        }
        return {key: job.wait() for key, job in jobs.items()}

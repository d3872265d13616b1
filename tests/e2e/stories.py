# SPDX-License-Identifier: GPL-2.0-or-later
"""
What happens in the box, once, and is looked at by many tests: changes on all
storage at the same time, since each takes long in an emulated machine.
"""

import contextlib

from tests.e2e.box.box import Host, together
from tests.e2e.box.vm import program
from tests.e2e.domains import NAMES, RACED
from tests.support import soak

# Why the flags of all domains are set and cleared.
SET = "nightly copies, site B"
CLEAR = "on tape"

IMAGE = "5889c9c1-2f8f-5f4b-9266-e9503c717849"
VOLUME = "c01c243c-145d-5c4a-95d5-5d36247d001c"

# One of each kind is enough for the guard, here.
CHECKED = ("nfs5", "iscsi4", "shared5")

# Of the race: tries on each kind of storage, half of them by each host.
ROUNDS = soak.times(6, 50)

# Seconds for the lease: of those that race, and of one who is to give up.
PATIENCE = 180
SHORT = 15

# By which the race begins.
HELD = "held for the other"


def in_use(box, all_domains):
    """
    What is said to `set` while a qemu on host 1 has an image on NFS open, and
    an LV; {of: Done}.
    """
    host1, host2 = box.hosts
    nfs, lun = all_domains["nfs5"], all_domains["iscsi4"]
    why = ("--reason", "no")
    with disk(host1, nfs) as image, disk(host1, lun) as lv:
        # Root is nobody on the server, and VDSM's VMs run as another user.
        host1.run(f"chmod 666 {image}", user="vdsm")
        with qemu(host1, image, lv):
            calls = {
                "image": (host2, "set", nfs.name, *why),
                "LV": (host1, "set", lun.name, *why),
                # It cannot see that LV of host 1, and says so.
                "other": (host2, "set", lun.name, *why, "--dry-run"),
            }
            done = together(lambda call: Host.tool(*call), calls.values())
    return dict(zip(calls, done))


def flagged(box, all_domains):
    """
    Host 1 sets the flag of the V4 domains, host 2 of the V5 ones, after both
    have read the old state. What was said and seen; {what: {name: Done}}, for
    "before" and "after set" [{name: listed}] by each host, the clock of each,
    and Done of what is asked about all domains.
    """
    host1, host2 = box.hosts
    seen = {"clocks": together(clock, box.hosts)}
    seen["before"] = together(Host.listed, box.hosts)
    all_used = [all_domains[name] for name in NAMES]
    seen["set"] = _each(
        all_used,
        lambda domain: setter(box, domain).tool(
            "--json", "set", domain.name, "--reason", SET
        ),
    )
    seen["after set"] = together(Host.listed, box.hosts)

    def look(*args):
        def of(domain):
            return other(box, domain).tool("--json", *args, domain.name)

        return of

    seen["show"] = _each(all_used, look("show"))
    some = [all_domains[name] for name in CHECKED]
    for operation in ("run", "copy"):
        check = look("check", "--operation", operation)
        seen[operation] = _each(some, check)
    calls = {
        "as vdsm": lambda: host1.tool("--json", "list", user="vdsm"),
        "doctor": lambda: host1.tool("--json", "doctor"),
        "verify": lambda: host2.tool("--json", "verify"),
    }
    done = together(lambda call: call(), calls.values())
    return {**seen, **dict(zip(calls, done))}


def cleared(box, all_domains):
    """
    Each host clears what the other one has set. As flagged(), and what is
    left of it all on each host.
    """
    seen = {}
    all_used = [all_domains[name] for name in NAMES]
    seen["clear"] = _each(
        all_used,
        lambda domain: other(box, domain).tool(
            "clear", domain.name, "--reason", CLEAR
        ),
    )
    seen["after clear"] = together(Host.listed, box.hosts)
    seen["joined"] = [h.run("sanlock client status").out for h in box.hosts]
    seen["maps"] = [host.run("dmsetup ls").out for host in box.hosts]
    return seen


def clock(host):
    """Seconds since the epoch."""
    return int(host.run("date +%s").out)


def setter(box, domain):
    return box.hosts[domain.version - 4]


def other(box, domain):
    return box.hosts[5 - domain.version]


def _each(domains, call):
    done = together(call, domains)
    return {domain.name: one for domain, one in zip(domains, done)}


def race(box, all_domains):
    """
    Host 1 has the lease and host 2 wants it; then both set and clear at
    random. Each is in the lockspaces, as a host that uses the domains is, so
    that they meet at the lease.

    {name: (Done of host 2 at first, [Done of each host in the race])}
    """
    host1, host2 = box.hosts
    domains = [all_domains[domain.name] for domain in RACED]

    def told(domain):
        # While alone in the lockspace, which the tool insists on.
        host1.join(domain)
        holder = host1.as_tool("stop", domain.sd_id, HELD, "commit")
        holder.expect("at commit")
        host2.join(domain)
        late = host2.as_tool("race", domain.sd_id, "late", 1, SHORT).wait()
        host1.go_on(domain)
        assert holder.wait().out.endswith("changed\n")
        return late

    def tries(pair):
        host, domain = pair
        rounds = (domain.sd_id, host.name, ROUNDS // 2, PATIENCE)
        env = (f"SEED={soak.seed()}",)
        return host.as_tool("race", *rounds, env=env).wait(timeout=3600)

    late = together(told, domains)
    pairs = [(host, domain) for domain in domains for host in box.hosts]
    done = together(tries, pairs)
    together(lambda pair: Host.leave(*pair), pairs)
    return {
        domain.name: (late[n], done[2 * n : 2 * n + 2])
        for n, domain in enumerate(domains)
    }


@contextlib.contextmanager
def held_open(host, domain):
    """Its metadata is open, as VDSM's monitor has it."""
    command = program("tests.e2e.inside.holding", "file", domain.metadata)
    with _open(host.start(command, user="vdsm")):
        yield


@contextlib.contextmanager
def disk(host, domain):
    """Path of a volume that is there, on a block domain an active LV."""
    if not domain.block:
        images = f"{domain.place}/{domain.sd_id}/images"
        host.run(
            f"mkdir -p {images}/{IMAGE}; truncate -s 1M"
            f" {images}/{IMAGE}/{VOLUME}",
            user="vdsm",
        )
        yield f"{images}/{IMAGE}/{VOLUME}"
        return
    limit = f"-qq --devices /dev/mapper/{domain.place}"
    name = f"{domain.sd_id}/{VOLUME}"
    host.run(
        f"lvm lvs {limit} {name} || lvm lvcreate {limit} -an -Wn -Zn -L 128m"
        f" -n {VOLUME} {domain.sd_id}; lvm lvchange {limit} -ay {name}"
    )
    try:
        yield f"/dev/{name}"
    finally:
        host.run(f"lvm lvchange {limit} -an {name}")


@contextlib.contextmanager
def qemu(host, *paths):
    """A VM that was never started: it has its locks all the same."""
    drives = [f"file={path},format=raw,if=virtio" for path in paths]
    with _open(host.start(program("tests.e2e.inside.holding", "vm", *drives))):
        yield


@contextlib.contextmanager
def _open(job):
    """A job that says that it has something open; it is killed at the end."""
    job.expect("open")
    try:
        yield
    finally:
        job.kill()
        job.wait()

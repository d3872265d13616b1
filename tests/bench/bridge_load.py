# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bridge under load: the process as it is installed, a stand-in engine with
many domains and hosts in which something happens all the time, and for each
data center an SPM with a real sshd, the agent as it is installed, and domains
of its own. What stand-in and hosts take is not the bridge's.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.bench import engine_sizes, floors
from tests.bench.product import PYTHON
from tests.bench.timing import Command, Failed
from tests.bench.tree import Tree
from tests.support.bridge import engine as engines
from tests.support.bridge import engine_ca, engine_things, sshd
from tests.support.bridge.running import our_hooks
from tests.support.bridge.scene import RealHost
from tests.support.clifixtures import OWNER
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from tests.bench.place import Place
    from tests.bench.product import Product

CENTERS = 4
DOMAINS = 100
HOSTS = 50

# In an hour.
EVENTS = 1000

# Events that were there before: more than are read again at each poll.
EARLIER = 1000

# Of domains, at first: box and flag are on.
FLAGGED = 10

# Seconds between two looks at the memory.
_PAUSE = 1.0

# Seconds until the first look at all is over, and until the last tick has
# become a flag.
_BEGIN, _DONE = 120, 600

# The bridge as pip makes it for an entry point. The SDK is that of the Python
# which runs the bench.
_BRIDGE = """\
#!{python} -I
import sys
sys.path.insert(0, {library!r})
from vdsm_backup.bridge.command import run
run()
"""

# Codes of events (AuditLogType). {code: how many of a round of them}: logins
# and logouts, VMs that start and stop, disks of a domain, edits of a domain.
_LOGIN, _LOGOUT, _STARTED, _DOWN, _DISK, _EDITED = 30, 31, 32, 61, 2021, 958
_OF_DOMAINS = (_DISK, _EDITED)
USUAL = {_LOGIN: 4, _LOGOUT: 4, _STARTED: 5, _DOWN: 4, _DISK: 2, _EDITED: 1}
EDITS = {_EDITED: 1}

# Each so many edits, one ticks a box.
_EDITS_A_TICK = 4


class Used(NamedTuple):
    """
    seconds: how long it was. cpu: seconds, of the bridge and its children.
    memory: bytes, the most of them together.
    lists: when each host was asked for all of its domains, in seconds.
    list_cpu: seconds of one such answer, on the host.
    """

    seconds: float
    cpu: float
    memory: int
    lists: list[list[float]]
    list_cpu: float


class SpmHost(RealHost):
    """With the agent and the command line of a product."""

    def __init__(self, product: Product, identity: str) -> None:
        self._product = product
        super().__init__(identity=identity)

    def let_in(self, name: str) -> sshd.Sshd:
        counted, agent = (
            os.path.join(floors.PROGRAMS, program)
            for program in ("counted.py", "agent.py")
        )
        words = [PYTHON, "-I", counted, self.calls_path]
        words += [PYTHON, "-IXutf8", agent, self._product.library]
        words += [self._product.command, self.host.config, "--name", name]
        return sshd.Sshd(" ".join(words), {}, self._identity)

    @property
    def calls_path(self) -> str:
        return os.path.join(self.directory, "calls")

    def calls(self, verb: str) -> list[dict[str, Any]]:
        """What counted.py has written."""
        with open(self.calls_path) as f:
            found = [json.loads(line) for line in f]
        return [c for c in found if c["request"].partition(" ")[0] == verb]


class Load:
    """hosts: the SPM hosts. ticked: domains whose box was ticked meanwhile."""

    def __init__(
        self,
        product: Product,
        place: Place,
        stack: contextlib.ExitStack,
    ) -> None:
        self._directory = tempfile.mkdtemp(dir=place.directory)
        self.engine = engines.StandIn(*engine_ca.make_ca(self._directory))
        stack.callback(self.engine.stop)
        self.engine.faults = dict(engine_sizes.FAULTS)
        identity = os.path.join(self._directory, "identity")
        sshd.make_key(identity)
        self.hosts: list[SpmHost] = []
        for number in range(CENTERS):
            spm = stack.enter_context(SpmHost(product, identity))
            self.hosts.append(spm)
            self._data_center(number, spm, place, stack)
        for number in range(HOSTS - CENTERS):
            center = self.engine.data_centers[number % CENTERS]
            self._add_host(f"host{number}", center)
        self.ticked: list[Any] = []
        self._command = self._configure(product, identity)
        for _ in range(EARLIER):
            self.engine.add_event(_LOGIN, user=engines.USER)

    def _data_center(
        self,
        number: int,
        spm: SpmHost,
        place: Place,
        stack: contextlib.ExitStack,
    ) -> None:
        center = engine_things.DataCenter(f"Site {number}")
        self.engine.data_centers.append(center)
        self.engine.hosts.append(
            spm.in_engine(f"spm{number}", center, spm="spm", hooks=our_hooks())
        )
        for domain in range(DOMAINS // CENTERS):
            name = f"data{number}-{domain}"
            flagged = domain % (DOMAINS // FLAGGED) == 1
            mount = place.mount(spm.host, f"server:_{name}")
            stack.callback(place.unmount, mount)
            sd_id = spm.host.domain(
                mount=mount,
                name=name,
                owner=OWNER,
                TYPE="LOCALFS",
                **({"BACKUP": "True"} if flagged else {}),
            )
            self.engine.domains.append(
                engine_things.StorageDomain(
                    name,
                    center,
                    id=sd_id,
                    master=domain == 0,
                    backup=flagged,
                )
            )

    def _add_host(self, name: str, center: Any) -> None:
        made = engine_things.Host(name, center, hooks=our_hooks())
        self.engine.hosts.append(made)

    def _configure(self, product: Product, identity: str) -> Command:
        state = os.path.join(self._directory, "state")
        os.mkdir(state)
        texts = {
            "password": engines.PASSWORD,
            "bridge.conf": f"[engine]\nurl = {self.engine.url}\n"
            f"user = {engines.USER}\nca_file = {self.engine.ca_file}\n"
            f"password_file = {self._directory}/password\n"
            f"[hosts]\nidentity_file = {identity}\n"
            f"[bridge]\nstate = {state}\n"
            f"metrics = {self._directory}/metrics\n",
            "bridge": _BRIDGE.format(
                python=sys.executable, library=product.library
            ),
        }
        for name, text in texts.items():
            with open(os.path.join(self._directory, name), "w") as f:
                f.write(text)
            os.chmod(f.name, 0o700)
        self._status = os.path.join(state, "status.json")
        program, path = (
            os.path.join(self._directory, name)
            for name in ("bridge", "bridge.conf")
        )
        # Its sockets are in a directory of its own, in /tmp.
        return Command([program, "--config", path])

    def run(self, seconds: float, codes: dict[int, int]) -> Used:
        """
        From the end of the first look at all domains until so many seconds are
        over, and the last tick has become a flag.
        """
        with self._bridge() as tree:
            wait_until(lambda: self._has_begun(tree), _BEGIN, self._said)
            stopped = threading.Event()
            people = threading.Thread(
                target=self._happens, args=(codes, stopped)
            )
            began, before = time.monotonic(), tree.cpu()
            people.start()
            most = 0
            try:
                while time.monotonic() - began < seconds:
                    time.sleep(_PAUSE)
                    most = max(most, tree.memory())
                    if tree.has_ended:
                        raise Failed(self._said())
            finally:
                stopped.set()
                people.join()
            wait_until(self._is_done, _DONE, self._said)
            took, cpu = time.monotonic() - began, tree.cpu() - before
        lists = [host.calls("list") for host in self.hosts]
        return Used(
            took,
            cpu,
            most,
            [[call["time"] for call in each] for each in lists],
            statistics.median(c["cpu"] for each in lists for c in each),
        )

    @contextlib.contextmanager
    def _bridge(self) -> Iterator[Tree]:
        with open(os.path.join(self._directory, "said"), "wb") as said:
            tree = Tree(self._command, said)
        try:
            yield tree
            tree.end()
        finally:
            if not tree.has_ended:
                tree.kill()

    def _said(self) -> str:
        with open(os.path.join(self._directory, "said")) as f:
            return f.read()

    def _has_begun(self, tree: Tree) -> bool:
        if tree.has_ended:
            raise Failed(self._said())
        return os.path.exists(self._status)

    def _happens(
        self, codes: dict[int, int], stopped: threading.Event
    ) -> None:
        """Events, one after the other, each so many seconds."""
        turn = _mixed(codes)
        # A tick of a master would wait, and one of a flagged domain is none.
        domains = [
            d for d in self.engine.domains if not d.master and not d.backup
        ]
        period, began, count = 3600 / EVENTS, time.monotonic(), 0
        edits = 0
        while not stopped.wait(
            max(0.0, began + count * period - time.monotonic())
        ):
            code = turn[count % len(turn)]
            domain = domains[count * 7 % len(domains)]
            count += 1
            if code == _EDITED:
                tick = edits % _EDITS_A_TICK == 0
                self.engine.edit(domain, backup=domain.backup or tick)
                self.ticked += [domain] if tick else []
                edits += 1
            else:
                self.engine.add_event(
                    code,
                    user="anna@internal-authz",
                    domain=domain if code in _OF_DOMAINS else None,
                )

    def _is_done(self) -> bool:
        """All domains are known, and ticks have become flags."""
        with open(self._status) as f:
            rows = json.load(f)["domains"]
        flags = {row["id"]: row["flag"] for row in rows}
        return (
            len(flags) == DOMAINS
            and "unknown" not in flags.values()
            and all(flags[domain.id] == "on" for domain in self.ticked)
        )


def _mixed(codes: dict[int, int]) -> list[int]:
    """Each code as often as it is to be, spread out. An edit is the first."""
    most = sum(codes.values())
    places = [
        ((number + 0.5) * most / count, code)
        for code, count in codes.items()
        for number in range(count)
    ]
    turn = [code for _, code in sorted(places)]
    at = turn.index(_EDITED)
    return turn[at:] + turn[:at]


def most_within(times: Sequence[float], seconds: float) -> int:
    """How many of them, at most, are within so many seconds."""
    return max(
        sum(first <= other < first + seconds for other in times)
        for first in times
    )

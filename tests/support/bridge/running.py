# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bridge and the stand-in engine around it, with a clock of its own. Whoever
uses it says by what hosts are reached: fake_hosts.py, or real ones (scene.py).
"""

import io
import json
import os

from tests.support.bridge.engine import PASSWORD, USER
from tests.support.bridge.engine_things import DataCenter
from tests.support.bridge.turns import Turns
from vdsm_backup.bridge import flags, host_hooks, rounds, service
from vdsm_backup.bridge.engine import ORIGIN, Engine
from vdsm_backup.bridge.log import Log
from vdsm_backup.bridge.session import Session
from vdsm_backup.bridge.settings import Settings
from vdsm_backup.doctor import sums


def settings(stand_in, identity_file, directory, **more):
    fields = {
        "url": stand_in.url,
        "ca_file": stand_in.ca_file,
        "user": USER,
        "password_file": os.path.join(directory, "password"),
        "host_user": "",
        "identity_file": identity_file,
        "poll": 5,
        "compare": 300,
        "on_untick_clear": False,
        "grace": 1800,
        "domains": (),
        "state": directory,
        "metrics": "",
        **more,
    }
    with open(fields["password_file"], "w") as f:
        f.write(PASSWORD)
    return Settings(**fields)


def our_hooks():
    """As an engine has those of a host."""
    points = set(sums.SUMS) - {"qemu.d", "vdsmd"}
    return {point: {host_hooks.SCRIPT: sums.SUMS[point]} for point in points}


class Running(Turns):
    """
    spm: the host of the engine that is the SPM. more: of the settings.
    """

    def __init__(self, stand_in, in_engine, identity_file, **more):
        """in_engine: makes an engine's host of (name, data center, ...)."""
        super().__init__()
        self.engine = stand_in
        self.center = DataCenter("Default")
        self.spm = in_engine(
            "host1", self.center, spm="spm", hooks=our_hooks()
        )
        stand_in.data_centers.append(self.center)
        stand_in.hosts.append(self.spm)
        self.settings = settings(
            stand_in, identity_file, self.directory, **more
        )
        self.said = io.StringIO()
        self.start()

    def clients(self, sockets):
        """What flags are asked by, a context manager."""
        raise NotImplementedError

    def open(self, stack, file, known):
        sockets = os.path.join(self.directory, "ssh")
        os.makedirs(sockets, exist_ok=True)
        ours = self.settings
        clients = stack.enter_context(self.clients(sockets))
        api = stack.enter_context(
            Engine(
                Session(ours.url, ours.user, ours.password, ours.ca_file, 20)
            )
        )
        log = Log({}, self.said)
        self.bridge = rounds.Bridge(
            api,
            flags.Flags(clients, ours.engine),
            ours,
            log,
            known,
            file,
            clock=self.now,
        )
        self.service = service.Service(
            ours, api, self.bridge, log, True, clock=self.now
        )

    def turn(self):
        self.service.turn()

    def box(self, domain):
        return domain.backup

    def row(self, domain):
        return self.bridge.rows[domain.id]

    def saved(self):
        """The state, as the bridge saved it last."""
        with open(self.state_path) as f:
            return json.load(f)

    def puts(self):
        return len(self.engine.paths("PUT"))

    def told(self):
        """Texts of the events that the bridge has added, oldest first."""
        ours = [e for e in self.engine.events if e.origin == ORIGIN]
        return [event.description for event in ours]

    def log(self):
        return self.said.getvalue()

    def quiet(self):
        """Nothing more happens: what there is stays."""
        before = self.puts(), len(self.told())
        self.compare()
        self.later(3600)
        self.compare()
        return (self.puts(), len(self.told())) == before

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The stand-in of an engine (tests/support/bridge/engine.py) and what people do
in it. Run in the machine `storage`:

    python3 -m tests.e2e.inside.engine serve DIRECTORY
        What it has comes on stdin, as JSON: {"hosts": [...], "domains":
        [...]}, the fields of engine_things.Host and StorageDomain. All of it
        is in one data center, and called attached there. The first host is
        the SPM. With ca.pem in DIRECTORY. Says its URL.
    python3 -m tests.e2e.inside.engine do DIRECTORY
        Acts come on stdin, as a list in JSON, and are done at once: no call of
        the bridge is between two of them. Says how it is then.

        ["edit", DOMAIN, USER, {FIELD: VALUE}]    somebody edits a domain
        ["spm", HOST]                             another host is the SPM
"""

import json
import os
import socket
import sys

SOCKET = "acts"


class Engine:
    """It is served as long as it is not closed."""

    def __init__(self, directory, things):
        # Who only does something needs none of that.
        from tests.support.bridge import engine, engine_ca
        from tests.support.bridge.engine_things import (
            DataCenter,
            Host,
            StorageDomain,
        )

        self._stand_in = engine.StandIn(*engine_ca.make_ca(directory))
        self.url = self._stand_in.url
        center = DataCenter("Default")
        hosts = [Host(data_center=center, **each) for each in things["hosts"]]
        hosts[0].spm = "spm"
        domains = [
            StorageDomain(data_center=center, **each)
            for each in things["domains"]
        ]
        self._hosts = {host.name: host for host in hosts}
        self._domains = {domain.name: domain for domain in domains}
        self._stand_in.data_centers.append(center)
        self._stand_in.hosts += hosts
        self._stand_in.domains += domains

    def do(self, acts):
        with self._stand_in.lock:
            for name, *args in acts:
                {"edit": self._edit, "spm": self._move_spm}[name](*args)
            return self._sight()

    def _edit(self, name, user, fields):
        self._stand_in.edit(self._domains[name], user, **fields)

    def _move_spm(self, name):
        for host in self._hosts.values():
            host.spm = "spm" if host.name == name else "none"

    def _sight(self):
        events = self._stand_in.events
        return {
            "boxes": {n: d.backup for n, d in self._domains.items()},
            "edits": [
                [e.domain.name, e.user, e.correlation]
                for e in events
                if e.code == 958
            ],
            "told": [
                e.description
                for e in events
                if e.origin == "vdsm-backup-domain"
            ],
            "logins": [e.user for e in events if e.code == 30],
        }


def serve(directory):
    engine = Engine(directory, json.load(sys.stdin))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.join(directory, SOCKET))
        server.listen()
        print(engine.url, flush=True)
        while True:
            client, _ = server.accept()
            with client, client.makefile("rw") as stream:
                sight = engine.do(json.loads(stream.readline()))
                stream.write(json.dumps(sight) + "\n")


def do(directory):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.path.join(directory, SOCKET))
        with client.makefile("rw") as stream:
            stream.write(sys.stdin.readline() + "\n")
            stream.flush()
            print(stream.readline())


if __name__ == "__main__":
    {"serve": serve, "do": do}[sys.argv[1]](sys.argv[2])

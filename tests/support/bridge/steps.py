# SPDX-License-Identifier: GPL-2.0-or-later
"""
The steps of a bridge: a call of the engine, of a host, or of the state file.
Whatever is between two of them leaves nothing if the bridge ends there.
"""

ENGINE = ("events", "domains", "domain", "hosts", "tick", "tell")
HOSTS = ("ask",)
FILE = ("save",)


def each(engine, hosts, file, before):
    """
    Call before(name) before each step. engine, hosts, file: those of a bridge,
    or their classes.
    """
    for thing, names in ((engine, ENGINE), (hosts, HOSTS), (file, FILE)):
        for name in names:
            _wrap(thing, name, before)


def _wrap(thing, name, before):
    real = getattr(thing, name)

    def call(*args, **kwargs):
        before(name)
        return real(*args, **kwargs)

    setattr(thing, name, call)

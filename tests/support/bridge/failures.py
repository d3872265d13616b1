# SPDX-License-Identifier: GPL-2.0-or-later
"""What fails with some domains of a FakeScene (fake_hosts.py), or with all."""

from vdsm_backup import errors

GONE = errors.EngineUnreachable("url", "500")
PROXY = errors.EngineLogin("url", "403 of a proxy")
FULL = errors.BridgeState("/state", "No space left")


def unticked(scene, count):
    """Domains that were ticked and flagged, in the order of their looks."""
    made = [scene.domain(backup=True, flag=True) for _ in range(count)]
    scene.polls(3)
    for domain in made:
        scene.engine.edit(domain, backup=False)
    return sorted(made, key=lambda domain: domain.id)


def tell_fails(scene, always, once=(), error=GONE):
    """
    Reports about these domains. Returns what makes them again; a bridge that
    starts again can, too.
    """
    real, left = scene.bridge._engine.tell, {d.id for d in once}

    def tell(sd_id, *args):
        if sd_id in left or sd_id in {d.id for d in always}:
            left.discard(sd_id)
            raise error
        return real(sd_id, *args)

    scene.bridge._engine.tell = tell
    return lambda: setattr(scene.bridge._engine, "tell", real)


def readable(scene, sd_id):
    """Looks at this domain; those at any other one fail."""
    real = scene.bridge._reader.one_of

    def one_of(domain, place):
        if domain.id != sd_id:
            raise GONE
        return real(domain, place)

    return one_of


def full_disk(scene):
    """Returns what ends it."""
    file = scene.bridge._kept._file
    real = file.save

    def save(state):
        raise FULL

    file.save = save
    return lambda: setattr(file, "save", real)

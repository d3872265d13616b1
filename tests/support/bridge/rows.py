# SPDX-License-Identifier: GPL-2.0-or-later
"""
What tests of the rows of the table begin with, and what people do in them.
"""

import os

import pytest

from tests.support.bridge import sshd
from tests.support.hooks.needs import needs_command

MARKS = [
    pytest.mark.skipif(os.getuid() != 0, reason="sshd needs root"),
    pytest.mark.slow("each poll is an ssh"),
    needs_command("ssh"),
    needs_command(sshd.SSHD),
]

ANNA = "anna@internal via bridge engine1"
UNKNOWN = "engine@localhost via bridge engine1"


def both_on(scene):
    domain = scene.domain(backup=True)
    scene.set(domain)
    scene.polls(2)
    assert scene.row(domain).row == 2
    return domain


def both_off(scene):
    domain = scene.domain()
    scene.polls(2)
    assert scene.row(domain).row == 1
    return domain


def ticked(scene, domain, user="anna@internal"):
    scene.engine.edit(domain, user, backup=True)


def unticked(scene, domain, user="anna@internal", **more):
    scene.engine.edit(domain, user, backup=False, **more)


def during(scene, method, action):
    """Do this once, right before the next act of this name."""
    real = getattr(scene.bridge._acts, method)

    def act(*args):
        setattr(scene.bridge._acts, method, real)
        action()
        return real(*args)

    setattr(scene.bridge._acts, method, act)

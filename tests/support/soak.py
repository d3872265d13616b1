# SPDX-License-Identifier: GPL-2.0-or-later
"""
Tests that only repeat: a few times in `make check` and `make e2e`, many times
in `make soak`. They are marked with `soak`.

What they do at random comes from one seed, which pytest shows at its start.
SEED=NUMBER in the environment repeats it. What is left to chance is which
process or thread comes first.
"""

import os
import random

SOAK = "SOAK" in os.environ

# Any number would do.
_OF_CHECK = 16


def times(few, many):
    """How often: `few` times, or `many` in `make soak`."""
    return many if SOAK else few


def seed():
    """
    The seed of this run, a number. Processes that a test or pytest starts
    have the same one.
    """
    return int(os.environ.setdefault("SEED", str(random.randrange(10**9))))


def known_seed():
    """
    That of this run in `make soak`, to find what nobody knows of. `make check`
    has the same one each time: it says whether a change broke something.
    """
    return seed() if SOAK else _OF_CHECK


def choices(*names, of=None):
    """A random.Random of its own for what has these names. of: the seed."""
    of = seed() if of is None else of
    return random.Random("-".join(map(str, (of, *names))))

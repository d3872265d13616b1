# SPDX-License-Identifier: GPL-2.0-or-later
"""
The campaign: 200 cases in `make check`, 2,000 in `make soak`. Each case that
goes wrong is shown with the command that repeats it.

`make check` has the same cases each time, since it says whether a change broke
something. `make soak` draws new ones, to find what nobody knows of.
"""

import json
import os

import pytest

from tests.support import programs, soak
from tests.support.hooks.needs import needs_fuse, needs_sanlock
from tests.support.storage.blocktools import needs_block

# (cases, how many in one test, how many side by side)
SIZES = {
    "held": soak.times((180, 30, 1), (1500, 1500, 3 * os.cpu_count())),
    "tool": soak.times((20, 4, 1), (450, 450, 6 * os.cpu_count())),
    "hosts": soak.times((0, 1, 1), (50, 50, 25)),
}

SEED = soak.known_seed()

pytestmark = [
    pytest.mark.slow("there are many cases"),
    pytest.mark.soak,
    needs_fuse,
    needs_block,
]


def chunks():
    for part, (cases, size, jobs) in SIZES.items():
        marks = [] if part == "held" else [needs_sanlock]
        for first in range(1, cases + 1, size):
            last = min(first + size - 1, cases)
            yield pytest.param(
                *(part, first, last, jobs),
                id=f"{part}-{first}-{last}",
                marks=marks,
            )


@pytest.mark.parametrize("part, first, last, jobs", list(chunks()))
def test_campaign(part, first, last, jobs):
    done = programs.run(
        *("tests.campaign", part, first, last, "--jobs", jobs),
        env={"SEED": str(SEED)},
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])["counts"]
    assert counts["cases"] == last - first + 1

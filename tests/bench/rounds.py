# SPDX-License-Identifier: GPL-2.0-or-later
"""
Takes measures in rounds: each measure once a round, in another order each
time. What else the machine does then falls on all of them alike.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.row import Measure, Taken

# Rounds of one group of rows: never fewer, never more.
LEAST, MOST = 5, 30


def run(
    measures: Sequence[Measure],
    taken: Taken,
    seconds: float,
    least: int = LEAST,
    most: int = MOST,
) -> int:
    """
    Rounds until the seconds are over, within the limits; returns how many. A
    first round is not counted: it fills caches.
    """
    for measure in measures:
        if measure.once:
            taken.add(measure)
        else:
            measure.take()
    measures = [measure for measure in measures if not measure.once]
    if not measures:
        return 1
    end = time.monotonic() + seconds
    done = 0
    while done < least or (done < most and time.monotonic() < end):
        first = done % len(measures)
        for measure in [*measures[first:], *measures[:first]]:
            taken.add(measure)
        done += 1
    return done

# SPDX-License-Identifier: GPL-2.0-or-later
"""One run for several measures."""

from tests.bench.measures import Shared


def test_who_asks_again_gets_another_run():
    runs = []
    shared = Shared(lambda: runs.append(None) or len(runs))
    assert [shared.get(key) for key in "abbaba"] == [1, 1, 2, 2, 3, 3]
    assert shared.measure("a", "this", lambda n: n * 10).take() == (40, None)

# SPDX-License-Identifier: GPL-2.0-or-later
"""
What holds whatever happens, in random sequences that drive the bridge as it
is, from the service on: its rounds, its state on disk, what it does and when
it looks again, over an engine and hosts in memory.

../invariants_test.py has the same invariants of decide() and its memory
alone, with many more looks at one domain. Here engine, hosts and disk fail in
all ways that they have, the bridge is killed before any of its steps, its
clock is set, and there are several domains, of which one may always fail.

A sequence that goes wrong is shown with its number. With the seed, which
pytest shows at its start, it is the same again.
"""

import collections
import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support import soak  # noqa: E402
from tests.support.bridge import (  # noqa: E402
    site_act_judges,
    site_case,
    site_judges,
    site_report_judges,
)
from tests.support.bridge.site_sequence import Sequence  # noqa: E402

SEQUENCES = soak.times(300, 10_000)

# What few sequences may not meet.
RARE = soak.times({"clear", "2 ticks"}, set())

# What each judge must have met.
JUDGES = {
    site_judges.flag_goes_down_only_by_people: {"clear"},
    site_judges.persons_clear_is_not_undone: {"set"},
    site_judges.ticks_are_repeated_once: {"1 ticks", "2 ticks"},
    site_judges.ends_as_the_table_says: {
        "on/on",
        "off/off",
        "off/never",
        "off/on",
        "on/off",
    },
    site_judges.what_has_an_event_is_soon_done: {"tick", "untick"},
    site_judges.all_activity_ends: {"look"},
    site_act_judges.act_follows_another_look: {"set", "put", "clear"},
    site_act_judges.untick_with_an_event_is_kept: {"untick"},
    site_act_judges.untick_that_comes_soon_is_undone: {"untick"},
    site_report_judges.report_is_made_once: {"report"},
    site_report_judges.overwritten_edit_is_told: {"overwritten"},
    site_judges.what_is_shown_is_so: {"on/on", "off/on", "on/off"},
}


@pytest.mark.soak
@pytest.mark.slow("thousands of rounds")
def test_sequences(tmp_path, monkeypatch):
    # What a crash leaves is tested with the file.
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    met = collections.defaultdict(set)
    for number in range(SEQUENCES):
        directory = tmp_path / str(number)
        directory.mkdir()
        sequence = Sequence(number, str(directory))
        sequence.run_all()
        for domain in sequence.site.domains.values():
            case = site_case.Case(sequence, domain)
            for judge in JUDGES:
                met[judge].update(judge(case))
    for judge, expected in JUDGES.items():
        assert expected - RARE <= met[judge], judge.__name__

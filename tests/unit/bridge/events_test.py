# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is new in an engine. The rules with a list of events, and once more
through the SDK.
"""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.connected import connect  # noqa: E402
from tests.support.bridge.engine_things import StorageDomain  # noqa: E402
from vdsm_backup.bridge import entities, events  # noqa: E402
from vdsm_backup.bridge.state import State  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
NOW = 1_700_000_000.0


class Listed:
    """An engine with these events."""

    def __init__(self):
        self.listed = []
        self.dismissed = []
        self.asked = []

    def add(self, index, code=30, user="anna", correlation="", domain=""):
        event = entities.Event(
            index, index * 1000, code, user, correlation, domain
        )
        self.listed.append(event)
        return event

    def events(self, most, after=0):
        self.asked.append((most, after))
        found = [e for e in self.listed if e.number > after]
        return sorted(found, reverse=True)[:most]

    def event(self, index):
        for event in self.listed + self.dismissed:
            if event.number == index:
                return event
        return None


@pytest.fixture
def engine():
    made = Listed()
    for index in range(1000, 1100):
        made.add(index)
    return made


def begun(engine):
    return events.read(engine, State(), NOW).state


def test_first_time(engine):
    news = events.read(engine, State(), NOW)
    assert news.state.epoch == int(NOW)
    assert news.state.anchor == (1099, 1099000, 30)
    assert (news.newest, news.events) == (1099, ())
    assert engine.asked == [(1, 0)]


def test_engine_without_an_event():
    news = events.read(Listed(), State(), NOW)
    assert (news.newest, news.state.anchor) == (0, None)


def test_engine_that_still_has_no_event():
    """Not an epoch each round, in which all domains are looked at."""
    engine = Listed()
    state = begun(engine)
    for later in range(1, 4):
        news = events.read(engine, state, NOW + later)
        assert (news.state, news.newest, news.events) == (state, 0, ())
    engine.add(7)
    news = events.read(engine, state, NOW + 4)
    assert (news.state.epoch, news.newest) == (state.epoch + 4, 7)


def test_nothing_new(engine):
    state = begun(engine)
    news = events.read(engine, state, NOW + 5)
    assert news.state == state
    assert news.newest == 1099


def test_new_ones(engine):
    state = begun(engine)
    engine.add(1101, 958, domain=SD)
    engine.add(1103, 958, "bob", "vdsm-backup-7", SD)
    engine.add(1104, 956, domain=SD)
    engine.add(1105, 958, domain="other")
    news = events.read(engine, state, NOW + 5)
    assert news.state.epoch == state.epoch
    assert (news.newest, news.state.anchor.number) == (1105, 1105)
    assert set(events.edits(news, SD)) == {
        (1101, 1101000, "anna", False),
        (1103, 1103000, "bob", True),
    }
    assert events.imported(news, SD) == 1104
    assert events.imported(news, "other") == 0


def test_event_that_is_late(engine):
    state = begun(engine)
    engine.add(1400)
    state = events.read(engine, state, NOW).state
    late = 1400 - events.OVERLAP + 1
    engine.add(late, 958, domain=SD)
    news = events.read(engine, state, NOW)
    assert [e.number for e in events.edits(news, SD)] == [late]
    assert news.newest == 1400


def test_many_at_once(engine):
    """Of what is too much for one answer, none is left out."""
    state = begun(engine)
    engine.add(1100, 958, domain=SD)
    for index in range(1101, 8000):
        engine.add(index)
    news = events.read(engine, state, NOW)
    assert news.state.epoch == state.epoch
    assert [e.number for e in events.edits(news, SD)] == [1100]
    assert [most for most, _ in engine.asked[1:]] == [400, 1600, 6400, 25600]


def test_too_many(engine, monkeypatch):
    """What cannot be read is lost, and the sequence is the same."""
    monkeypatch.setattr(events, "LAST", events.FIRST * 4)
    state = begun(engine)
    engine.add(1100, 958, domain=SD)
    for index in range(1101, 8000):
        engine.add(index)
    news = events.read(engine, state, NOW)
    assert news.state.epoch == state.epoch
    assert news.newest == 7999
    assert events.edits(news, SD) == ()


def test_newest_one_was_dismissed(engine):
    state = begun(engine)
    engine.dismissed.append(engine.listed.pop())
    engine.add(1100, 958, domain=SD)
    news = events.read(engine, state, NOW)
    assert news.state.epoch == state.epoch
    assert len(events.edits(news, SD)) == 1


def test_all_were_dismissed(engine):
    state = begun(engine)
    engine.dismissed, engine.listed = engine.listed, []
    news = events.read(engine, state, NOW)
    assert (news.state, news.newest) == (state, 1099)


def restored(engine, index):
    engine.listed = [e for e in engine.listed if e.number < index]


def test_restored_engine_is_a_new_epoch(engine):
    state = begun(engine)
    restored(engine, 1050)
    news = events.read(engine, state, NOW + 5)
    assert news.state.epoch > state.epoch
    assert news.state.anchor.number == news.newest == 1049
    assert news.events == ()


def test_index_that_was_given_out_again(engine):
    state = begun(engine)
    restored(engine, 1099)
    engine.listed.append(entities.Event(1099, 5, 958, "anna", "", SD))
    engine.add(1100, 958, domain=SD)
    news = events.read(engine, state, NOW + 5)
    assert news.state.epoch > state.epoch
    assert (news.newest, news.events) == (1100, ())


@pytest.mark.parametrize("changed", [{"time": 5}, {"code": 31}])
def test_other_event_with_the_index(engine, changed):
    state = begun(engine)
    engine.listed[-1] = engine.listed[-1]._replace(**changed)
    assert events.read(engine, state, NOW).state.epoch != state.epoch


def test_user_of_an_event_may_be_anybody(engine):
    """The engine removes the user of an old event: it is the same one."""
    state = begun(engine)
    engine.listed[-1] = engine.listed[-1]._replace(user="")
    assert events.read(engine, state, NOW).state.epoch == state.epoch


def test_through_the_sdk(stand_in):
    domain = StorageDomain("backups")
    stand_in.domains.append(domain)
    with connect(stand_in) as engine:
        state = events.read(engine, State(), NOW).state
        # The login is the first one.
        assert state.anchor.code == 30
        late = stand_in.edit(domain, "anna@internal")
        late.late = True
        stand_in.edit(domain, "bob@internal")
        news = events.read(engine, state, NOW)
        assert [e.user for e in events.edits(news, domain.id)] == [
            "bob@internal"
        ]
        late.late = False
        news = events.read(engine, news.state, NOW)
        assert {e.user for e in events.edits(news, domain.id)} == {
            "anna@internal",
            "bob@internal",
        }
        assert news.state.epoch == state.epoch
        engine.tick(domain.id, f"{events.PREFIX}1")
        news = events.read(engine, news.state, NOW)
        assert [e.ours for e in events.edits(news, domain.id)].count(True) == 1
        stand_in.restore(2)
        stand_in.edit(domain, "carol@internal")
        stand_in.edit(domain, "carol@internal")
        again = events.read(engine, news.state, NOW + 5)
        assert again.state.epoch > news.state.epoch
        assert again.events == ()

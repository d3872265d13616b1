# SPDX-License-Identifier: GPL-2.0-or-later
"""
Events: their order, their ids, and those that the bridge adds.

What stays in a real engine: the events of edits that change nothing, and those
that were added here, of which each says that it is of a test.
"""

import random
import re
import uuid
from xml.etree import ElementTree

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import tested as engines  # noqa: E402
from tests.support.bridge.engine_xml import element, text  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402
from vdsm_backup.bridge import events  # noqa: E402
from vdsm_backup.bridge.engine import ORIGIN  # noqa: E402
from vdsm_backup.bridge.state import State  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

TEXT = "A test of vdsm-backup-domain: this event can be dismissed"

NOW = 1_700_000_000.0


def numbers(found):
    return [event.number for event in found]


@pytest.fixture
def three(tested, domain):
    """Events of three edits that change nothing, the newest one first."""
    comment = tested.row()["comment"]
    made = [tested.edit(comment=comment) for _ in range(3)]
    return [engines.index(event) for event in reversed(made)]


def test_newest_one_is_first(tested, engine, three):
    raw = [engines.index(event) for event in tested.events(most=100)]
    assert raw == sorted(set(raw), reverse=True)
    found = numbers(engine.events(100))
    assert found == sorted(set(found), reverse=True)
    assert [number for number in found if number in three] == three


def test_at_most_so_many(engine, three):
    assert len(engine.events(1)) == 1
    assert len(engine.events(2)) == 2
    assert numbers(engine.events(1))[0] >= three[0]


def test_from_an_index(tested, engine, three):
    """Only those above it."""
    found = numbers(engine.events(1000, after=three[2]))
    assert set(three[:2]) <= set(found)
    assert min(found) > three[2]
    assert three[2] in numbers(engine.events(1000, after=three[2] - 1))


def test_from_an_index_and_at_most_so_many(engine, three):
    """The newest of them: those in the middle are what is left out."""
    found = numbers(engine.events(1, after=three[2] - 1))
    assert len(found) == 1
    assert found[0] >= three[0]


def test_from_an_index_that_nothing_is_above(engine, three):
    assert engine.events(10, after=three[0] + 1_000_000) == []


def test_an_event_by_itself(engine, three):
    for found in engine.events(1000, after=three[2] - 1):
        if found.number in three:
            assert engine.event(found.number) == found


def test_event_that_is_not_there(tested, engine, three):
    assert engine.event(three[0] + 1_000_000) is None
    reply = tested.rest().get(f"events/{three[0] + 1_000_000}")
    assert (reply.status, reply.body) == (404, b"")


def test_what_an_event_of_an_edit_says(tested, engine, domain):
    event = tested.edit(comment=tested.row()["comment"])
    found = engine.event(engines.index(event))
    assert found.code == events.UPDATED
    assert found.domain == domain
    name = tested.person.user.partition("@")[0]
    assert found.user.partition("@")[0] == name
    assert found.time > 1_000_000_000_000, "milliseconds"
    assert event.findtext("origin").lower() == "ovirt"


def test_correlation_id_is_that_of_the_call(tested, domain):
    mine = engines.MARK + uuid.uuid4().hex[:20]
    event = tested.edit(mine, comment=tested.row()["comment"])
    assert event.findtext("correlation_id") == mine


def test_correlation_id_of_a_bridge_is_cut_and_still_one(engine, domain):
    """36 characters are kept."""
    sent = f"{events.PREFIX}{uuid.uuid4()}"
    begin = engine.events(1)[0].number
    engine.tick(domain, sent)
    found = wait_until(
        lambda: [
            event
            for event in engine.events(100, begin)
            if event.correlation == sent[:36]
        ]
    )
    assert found[0].correlation.startswith(events.PREFIX)
    (edit,) = events.edits(events.News(State(), 0, tuple(found)), domain)
    assert edit.ours


def test_edit_without_a_correlation_id_gets_one(tested, domain):
    """It is none of a bridge."""
    begin = tested.newest()
    assert tested.put(comment=tested.row()["comment"]).status == 200
    (event,) = wait_until(
        lambda: [
            event
            for event in tested.events(begin)
            if event.findtext("code") == str(engines.UPDATED)
            and event.find("storage_domain").get("id") == domain
        ]
    )
    given = event.findtext("correlation_id")
    assert re.fullmatch("[0-9a-zA-Z_-]{1,36}", given)
    assert not given.startswith(events.PREFIX)


def test_new_events_as_the_bridge_reads_them(tested, engine, domain):
    state = events.read(engine, State(), NOW).state
    event = tested.edit(comment=tested.row()["comment"])
    news = events.read(engine, state, NOW + 5)
    assert news.state.epoch == state.epoch
    assert engines.index(event) in [
        e.number for e in events.edits(news, domain)
    ]
    assert news.newest >= engines.index(event)


def test_dismissed_event_is_in_no_list_and_still_there(tested, engine, domain):
    """By it a bridge knows that the engine is the same as before."""
    event = tested.edit(comment=tested.row()["comment"])
    number = engines.index(event)
    state = events.read(engine, State(), NOW).state
    before = engine.event(number)
    tested.dismiss(event)
    assert number not in numbers(engine.events(1000, after=number - 1))
    assert engine.event(number) == before
    news = events.read(engine, state, NOW + 5)
    assert news.state.epoch == state.epoch


# Those that the bridge adds


def of_the_bridge(tested, after):
    """Those about the domain that tests may edit."""
    return [
        event
        for event in tested.events(after)
        if event.findtext("origin") == ORIGIN
        and event.find("storage_domain").get("id") == tested.domain
    ]


def number():
    """A number of a report that no other run has."""
    return random.SystemRandom().getrandbits(31)


def test_added_event(tested, engine, domain):
    begin = tested.newest()
    custom_id = number()
    assert engine.tell(domain, TEXT, custom_id)
    (event,) = wait_until(
        lambda: [
            event
            for event in tested.events(begin)
            if event.findtext("custom_id") == str(custom_id)
        ]
    )
    assert event.findtext("origin") == ORIGIN
    assert event.findtext("code") == "9802"
    assert event.findtext("severity") == "warning"
    assert event.findtext("description") == TEXT
    assert event.find("storage_domain").get("id") == domain
    tested.dismiss(event)


def test_added_event_does_not_say_who_and_by_which_call(tested, domain):
    """So a bridge does not know its own ones by that, but by the code."""
    begin = tested.newest()
    sent = engines.MARK + uuid.uuid4().hex[:20]
    about = text(
        element("event"),
        origin=ORIGIN,
        custom_id=number(),
        severity="warning",
        description=TEXT,
    )
    about.append(element("storage_domain", id=domain))
    body = ElementTree.tostring(about, "unicode")
    assert tested.rest().call("POST", "events", body, sent).status == 201
    (event,) = wait_until(lambda: of_the_bridge(tested, begin))
    assert event.find("user") is None
    assert event.findtext("correlation_id") != sent
    again = tested.rest().call("POST", "events", body)
    assert again.status == 400
    tested.dismiss(event)


def test_added_event_is_there_once(tested, engine, domain):
    """Also after somebody has dismissed it."""
    begin = tested.newest()
    custom_id = number()
    assert engine.tell(domain, TEXT, custom_id)
    assert not engine.tell(domain, TEXT, custom_id)
    assert not engine.tell(domain, f"{TEXT}.", custom_id)
    (event,) = [
        event
        for event in tested.events(begin)
        if event.findtext("custom_id") == str(custom_id)
    ]
    tested.dismiss(event)
    assert not engine.tell(domain, TEXT, custom_id)


def test_number_of_31_bits(tested, engine, domain):
    """A large one, and a small one."""
    begin = tested.newest()
    for bits in (1 << 30, 0):
        custom_id = bits | (number() >> 2)
        assert engine.tell(domain, TEXT, custom_id)
        assert not engine.tell(domain, TEXT, custom_id)
    added = of_the_bridge(tested, begin)
    assert len(added) == 2
    for event in added:
        tested.dismiss(event)


def test_report_is_there_as_it_was_told(tested, engine, domain):
    """With all that a name may have in it."""
    begin = tested.newest()
    report = f"{TEXT}: <b> & \"x\" ${{UserName}} {'long ' * 100}"
    assert engine.tell(domain, report, number())
    (event,) = wait_until(lambda: of_the_bridge(tested, begin))
    assert event.findtext("description").strip() == report.strip()
    tested.dismiss(event)

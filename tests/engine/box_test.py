# SPDX-License-Identifier: GPL-2.0-or-later
"""The Backup box, and what an edit writes."""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import tested as engines  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import events  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

OURS = f"{events.PREFIX}of-a-test"


def test_tick(tested, engine, domain):
    begin = tested.newest()
    answer = engine.tick(domain, OURS)
    assert answer.box and answer.id == domain
    assert engine.domain(domain).box
    for center in answer.data_centers:
        path = f"datacenters/{center}/storagedomains/{domain}"
        assert tested.rest().get(path).xml.findtext("backup") == "true"
    event = wait_until(lambda: tested.event_of(OURS, begin))
    assert engines.index(event) > begin


def test_box_is_written_before_its_event_is_there(tested, engine, domain):
    """So a bridge reads the events first, and then the boxes."""
    for _ in range(3):
        event = tested.edit(backup=True)
        assert engine.domain(domain).box
        assert engines.index(event) <= tested.newest()
        tested.edit(backup=False)
        assert not engine.domain(domain).box


def test_tick_changes_nothing_else(tested, engine, domain):
    tested.edit(comment="of a test: <a> & b", description="of a test")
    before = tested.row()
    seen = engine.domain(domain)
    engine.tick(domain, OURS)
    assert tested.row() == {**before, "backup": "true"}
    after = engine.domain(domain)
    assert after == seen._replace(box=True)


def test_answer_of_a_tick_is_what_the_list_has(engine, domain):
    answer = engine.tick(domain, OURS)
    assert answer == engine.domain(domain)
    assert answer in engine.domains()


def test_tick_twice(tested, engine, domain):
    """Each is an edit, and has an event."""
    begin = tested.newest()
    engine.tick(domain, f"{OURS}-1")
    engine.tick(domain, f"{OURS}-2")
    assert tested.box()
    for number in (1, 2):
        wait_until(lambda n=number: tested.event_of(f"{OURS}-{n}", begin))


def test_untick(tested, domain):
    tested.edit(backup=True)
    tested.edit(backup=False)
    assert not tested.box()


def test_event_does_not_say_what_was_edited(tested, domain):
    """Nor does any other: a tick and a comment look the same."""
    told = []
    for fields in (
        {"backup": True},
        {"backup": False},
        {"comment": "of a test"},
    ):
        event = tested.edit(**fields)
        told.append(
            (
                event.findtext("code"),
                event.findtext("severity"),
                event.findtext("description"),
            )
        )
    assert len(set(told)) == 1


def test_whoever_writes_the_whole_row_writes_what_he_has_read(
    tested, engine, domain
):
    """A dialog that was opened before the tick unticks the box again."""
    opened = tested.row()
    engine.tick(domain, OURS)
    tested.edit(**{**opened, "comment": "of a test"})
    assert not tested.box()
    assert tested.row()["comment"] == "of a test"


def test_edit_that_meets_a_tick_is_lost(tested, engine, domain):
    """
    The answer of the tick does not show it, and its event has the smaller
    index.
    """
    if tested.stand_in is None:
        pytest.skip("nobody can say when a real engine reads and writes")
    begin, before = tested.newest(), tested.row()["comment"]
    (found,) = [d for d in tested.stand_in.domains if d.id == domain]
    edited = []
    tested.stand_in.meanwhile = lambda: edited.append(
        tested.stand_in.edit(found, comment="of a test")
    )
    answer = engine.tick(domain, OURS)
    assert (answer.box, answer.comment) == (True, before)
    assert tested.row()["comment"] == before
    event = tested.event_of(OURS, begin)
    assert edited[0].index < engines.index(event)


def test_edit_without_a_box_leaves_it(tested, engine, domain):
    engine.tick(domain, OURS)
    tested.edit(comment="of a test")
    assert tested.box()


def test_tick_is_refused_while_a_vm_runs_there(tested, engine, busy):
    before = tested.row(busy)
    if before["backup"] == "true":
        pytest.skip(f"the box of {busy} is ticked already")
    begin = tested.newest()
    try:
        with pytest.raises(errors.EngineRefused) as caught:
            engine.tick(busy, OURS)
        assert caught.value.status == 409
        assert "torage" in str(caught.value)
        assert not engine.domain(busy).box
        # What is refused is no edit, and the session is as good as before.
        assert tested.event_of(OURS, begin) is None
        reply = tested.put(sd_id=busy, backup=True)
        assert reply.status == 409
        assert reply.xml.tag == "fault"
        assert reply.xml.findtext("reason")
        assert reply.xml.findtext("detail")
    finally:
        if tested.row(busy) != before:
            tested.put(sd_id=busy, backup=False)


def test_below_the_data_center_the_box_cannot_be_ticked(tested, domain):
    centers = tested.rest().get(f"storagedomains/{domain}").xml
    for center in centers.findall("data_centers/data_center"):
        path = f"datacenters/{center.get('id')}/storagedomains/{domain}"
        reply = tested.rest().call(
            "PUT",
            path,
            "<storage_domain><backup>true</backup></storage_domain>",
        )
        assert reply.status in (404, 405)
    assert not tested.box()

# SPDX-License-Identifier: GPL-2.0-or-later
"""
The engine's REST API through the real SDK, at the stand-in of an engine.
"""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.connected import connect  # noqa: E402
from tests.support.bridge.engine_things import (  # noqa: E402
    DataCenter,
    Host,
    StorageDomain,
)
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import entities  # noqa: E402
from vdsm_backup.bridge.engine import ORIGIN  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


@pytest.fixture
def center(stand_in):
    made = DataCenter("Default")
    stand_in.data_centers.append(made)
    return made


@pytest.fixture
def domain(stand_in, center):
    made = StorageDomain("backups-nfs", center, comment="copies <of> site A")
    stand_in.domains.append(made)
    return made


@pytest.fixture
def engine(stand_in):
    with connect(stand_in) as opened:
        yield opened


def test_domains(engine, stand_in, domain, center):
    domain.backup = domain.master = True
    iso = StorageDomain("iso", type="iso")
    stand_in.domains.append(iso)
    found, other = engine.domains()
    assert found == entities.Domain(
        id=domain.id,
        name="backups-nfs",
        comment="copies <of> site A",
        box=True,
        kind="data",
        is_master=True,
        data_centers=(center.id,),
    )
    assert (other.kind, other.box, other.data_centers) == ("iso", False, ())
    assert engine.domain(domain.id) == found


def test_status_is_there_in_the_data_center_only(engine, domain, center):
    assert engine.statuses(center.id) == {domain.id: "active"}
    domain.status = "maintenance"
    assert engine.statuses(center.id) == {domain.id: "maintenance"}


def test_data_centers(engine, center):
    center.status = "not_operational"
    expected = entities.DataCenter(center.id, "Default", "not_operational")
    assert engine.data_centers() == [expected]


def test_hosts(engine, stand_in, center):
    first = Host("host1", center, spm="spm")
    old = Host(
        "host2",
        center,
        public_key=None,
        ssh_user="vdsm-admin",
        ssh_port=2222,
        status="maintenance",
    )
    stand_in.hosts += [first, old]
    assert engine.hosts() == [
        entities.Host(
            id=first.id,
            name="host1",
            address="host1.example.com",
            status="up",
            data_center=center.id,
            is_spm=True,
            ssh_user="root",
            ssh_port=22,
            ssh_key="ssh-ed25519 AAAA",
            ssh_fingerprint="SHA256:abc",
        ),
        entities.Host(
            id=old.id,
            name="host2",
            address="host2.example.com",
            status="maintenance",
            data_center=center.id,
            is_spm=False,
            ssh_user="vdsm-admin",
            ssh_port=2222,
            ssh_key="",
            ssh_fingerprint="SHA256:abc",
        ),
    ]


def test_hooks(engine, stand_in, center):
    hooks = {"before_vm_start": {"99_vdsm_backup": "ab" * 32}}
    stand_in.hosts.append(Host("host1", center, hooks=hooks))
    assert engine.hooks(stand_in.hosts[0].id) == [
        entities.Hook("before_vm_start", "99_vdsm_backup", "ab" * 32)
    ]


def test_events(engine, stand_in, domain):
    engine.domains()
    login = stand_in.index
    event = stand_in.edit(domain, "anna@internal", comment="new")
    dismissed = stand_in.edit(domain)
    dismissed.dismissed = True
    found, before = engine.events(10)
    assert found == entities.Event(
        number=event.index,
        time=event.time,
        code=958,
        user="anna@internal",
        correlation="",
        domain=domain.id,
    )
    assert (before.number, before.code, before.domain) == (login, 30, "")
    assert engine.events(1) == [found]
    assert engine.events(10, after=login) == [found]
    assert engine.event(dismissed.index).number == dismissed.index
    assert engine.event(99) is None


def test_index_of_more_than_31_bits(engine, stand_in, domain):
    engine.domains()
    stand_in.index = 2**31 + 5
    event = stand_in.edit(domain)
    assert engine.events(1)[0].number == event.index == 2**31 + 6


def test_tick(engine, stand_in, domain):
    found = engine.tick(domain.id, "vdsm-backup-1")
    assert domain.backup and found.box
    body = "<storage_domain><backup>true</backup></storage_domain>"
    assert "".join(stand_in.bodies[-1].split()) == body
    event = engine.events(1)[0]
    assert (event.code, event.correlation) == (958, "vdsm-backup-1")
    assert domain.comment == "copies <of> site A"


def test_tick_of_a_domain_on_which_the_user_has_no_role(
    engine, stand_in, domain
):
    """It is this call that is refused, and no login that has failed."""
    engine.domains()
    tokens = set(stand_in.tokens)
    stand_in.foreign.append(domain.data_center)
    with pytest.raises(errors.EngineRefused, match="not authorized") as caught:
        engine.tick(domain.id, "vdsm-backup-1")
    assert caught.value.status == 403
    assert engine.domains()
    assert set(stand_in.tokens) == tokens


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("vm_runs", True, "attached to running VMs"),
        ("status", "locked", "inaccessible"),
    ],
)
def test_tick_is_refused(engine, domain, field, value, words):
    setattr(domain, field, value)
    with pytest.raises(errors.EngineRefused, match=words) as caught:
        engine.tick(domain.id, "vdsm-backup-1")
    assert caught.value.status == 409
    assert not domain.backup
    # The connection is as good as before.
    assert not engine.domain(domain.id).box


def test_domain_is_gone(engine, stand_in):
    with pytest.raises(errors.EngineRefused) as caught:
        engine.domain("5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41")
    assert caught.value.status == 404


def test_tell_once(engine, stand_in, domain):
    assert engine.tell(domain.id, "box & flag differ", 2**31 - 1)
    assert not engine.tell(domain.id, "box & flag differ", 2**31 - 1)
    assert engine.tell(domain.id, "another", 7)
    told = [e for e in stand_in.events if e.origin == ORIGIN]
    assert [(e.code, e.description) for e in told] == [
        (9802, "box & flag differ"),
        (9802, "another"),
    ]
    assert told[0].domain is domain


def without(tag, name, value=None):
    """The first element of this tag lacks an attribute, or has another."""

    def change(answer):
        found = next(answer.iter(tag))
        found.attrib.pop(name)
        if value is not None:
            found.set(name, value)
        return answer

    return change


def with_text(tag, text):
    """The first element of this tag has this text; None: it is not there."""

    def change(answer):
        parent = next(p for p in answer.iter() if p.find(tag) is not None)
        if text is None:
            parent.remove(parent.find(tag))
        else:
            parent.find(tag).text = text
        return answer

    return change


def renamed(tag):
    """The whole answer is of another type."""

    def change(answer):
        answer.tag = tag
        return answer

    return change


STRANGE = {
    "domain-no-id": (r"/storagedomains$", without("storage_domain", "id")),
    "domain-no-uuid": (
        r"/storagedomains$",
        without("storage_domain", "id", "../x"),
    ),
    "domain-center-no-id": (
        r"/storagedomains$",
        without("data_center", "id"),
    ),
    "domain-warning": (
        r"/storagedomains$",
        with_text("warning_low_space_indicator", "ten"),
    ),
    "one-domain-for-all": (r"/storagedomains$", renamed("storage_domain")),
    "hosts-for-domains": (r"/storagedomains$", renamed("hosts")),
    "unknown": (r"/storagedomains$", renamed("weather")),
    "one-no-id": (r"/storagedomains/", without("storage_domain", "id")),
    "one-is-a-list": (r"/storagedomains/", renamed("storage_domains")),
    "one-is-a-host": (r"/storagedomains/", renamed("host")),
    "one-is-a-fault": (r"/storagedomains/", renamed("fault")),
    "center-no-id": (r"/datacenters$", without("data_center", "id")),
    "status-no-id": (
        r"/datacenters/.*/storagedomains$",
        without("storage_domain", "id"),
    ),
    "host-no-id": (r"/hosts$", without("host", "id")),
    "hooks-for-events": (r"/events$", renamed("hooks")),
    "event-no-id": (r"/events$", without("event", "id")),
    "event-no-number": (r"/events$", without("event", "id", "1O1")),
    "event-huge": (r"/events$", without("event", "id", "1" * 5000)),
    "event-no-time": (r"/events$", with_text("time", None)),
    "event-empty-time": (r"/events$", with_text("time", "")),
    "event-time": (r"/events$", with_text("time", "yesterday")),
    "event-zone": (
        r"/events$",
        with_text("time", "2026-11-30T10:00:00.000+99:00"),
    ),
    "event-no-code": (r"/events$", with_text("code", None)),
    "event-code": (r"/events$", with_text("code", "many")),
    "one-event-no-time": (r"/events/\d+$", with_text("time", None)),
}


@pytest.mark.parametrize("name", STRANGE)
def test_answer_of_no_engine(name, engine, stand_in, domain, center):
    """It is well-formed, and lacks what every engine has in it."""
    stand_in.hosts.append(Host("host1", center))

    def ask_all():
        engine.domains()
        engine.domain(domain.id)
        engine.data_centers()
        engine.statuses(center.id)
        engine.hosts()
        engine.events(1)
        engine.event(stand_in.events[0].index)

    ask_all()
    path, change = STRANGE[name]
    stand_in.faults[path] = change
    with pytest.raises(errors.EngineUnreachable) as caught:
        ask_all()
    assert str(caught.value).isprintable()
    assert "curl" in caught.value.hint_lines()[1]
    stand_in.faults.clear()
    ask_all()
    assert [e.code for e in stand_in.events] == [30], "one session"

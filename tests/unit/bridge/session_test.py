# SPDX-License-Identifier: GPL-2.0-or-later
"""
A session with an engine, and calls that fail: the real SDK at the stand-in of
an engine.
"""

import time

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import engine as engines  # noqa: E402
from tests.support.bridge import engine_ca  # noqa: E402
from tests.support.bridge.connected import TIMEOUT, connect  # noqa: E402
from tests.support.bridge.engine import PASSWORD, USER  # noqa: E402
from tests.support.bridge.engine_things import StorageDomain  # noqa: E402
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge.engine import Engine  # noqa: E402
from vdsm_backup.bridge.session import Session  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


@pytest.fixture
def domain(stand_in):
    made = StorageDomain("backups-nfs")
    stand_in.domains.append(made)
    return made


@pytest.fixture
def engine(stand_in):
    with connect(stand_in) as opened:
        yield opened


def test_one_session(engine, stand_in):
    for _ in range(3):
        engine.domains()
    engine.close()
    assert [e.code for e in stand_in.events] == [30]
    assert stand_in.tokens == {}


def test_session_that_has_expired(engine, stand_in, domain):
    engine.domains()
    stand_in.expire()
    assert len(engine.domains()) == 1
    assert len(engine.domains()) == 1
    assert [e.code for e in stand_in.events] == [30, 30]


def test_session_outlives_a_broken_connection(engine, stand_in):
    engine.domains()
    stand_in.faults = {"events": "close"}
    with pytest.raises(errors.EngineUnreachable):
        engine.events(1)
    stand_in.faults = {}
    engine.domains()
    assert [e.code for e in stand_in.events] == [30]


def test_wrong_password(stand_in):
    with connect(stand_in, lambda: "wrong") as engine:
        with pytest.raises(errors.EngineLogin, match="Cannot authenticate"):
            engine.domains()


@pytest.mark.parametrize("status", [401, 403])
def test_user_who_may_log_in_and_no_more(stand_in, status):
    """The engine refuses the new session, by a page of HTML."""
    with connect(stand_in) as engine:
        stand_in.faults = {ANYWHERE: status}
        with pytest.raises(errors.EngineLogin, match=str(status)):
            engine.domains()
        stand_in.faults = {}
        assert engine.domains() == []


def test_password_that_was_changed(stand_in):
    """It is asked for again, after the old one was refused."""
    passwords = ["wrong", PASSWORD]
    with connect(stand_in, lambda: passwords.pop(0)) as engine:
        with pytest.raises(errors.EngineLogin):
            engine.domains()
        assert engine.domains() == []


def test_other_ca(stand_in, tmp_path):
    ca, _ = engine_ca.make_ca(tmp_path)
    with connect(stand_in, ca_file=ca) as engine:
        with pytest.raises(errors.EngineUnreachable, match="certificate"):
            engine.domains()


def test_no_engine():
    url = f"https://localhost:1{engines.API}"
    engine = Engine(Session(url, USER, lambda: PASSWORD, timeout=TIMEOUT))
    with pytest.raises(errors.EngineUnreachable, match="localhost"):
        engine.domains()
    engine.close()


ANYWHERE = "/api/storagedomains$"
LOGIN = "/sso/oauth/token$"


@pytest.mark.parametrize("where", [ANYWHERE, LOGIN])
@pytest.mark.parametrize(
    "fault",
    [500, 503, "html", "garbage", "cut", "close", "no type", "empty"],
)
def test_answer_that_is_none(stand_in, domain, where, fault):
    if (where, fault) == (LOGIN, "no type"):
        pytest.skip("a login is read without looking at it")
    with connect(stand_in) as engine:
        stand_in.faults = {where: fault}
        with pytest.raises(errors.EngineUnreachable) as caught:
            engine.domains()
        assert str(caught.value).isprintable()
        stand_in.faults = {}
        assert len(engine.domains()) == 1


@pytest.mark.parametrize("where", [ANYWHERE, LOGIN])
def test_call_ends_within_its_timeout(stand_in, where):
    with connect(stand_in, timeout=1) as engine:
        stand_in.faults = {where: "hang"}
        begin = time.monotonic()
        with pytest.raises(errors.EngineUnreachable, match="timed out"):
            engine.domains()
        assert time.monotonic() - begin >= 0.9


def test_login_in_the_middle_ends_within_its_timeout(stand_in):
    with connect(stand_in) as engine:
        engine.domains()
        engine._session._open.hurry(1)
        stand_in.expire()
        stand_in.faults = {LOGIN: "hang"}
        with pytest.raises(errors.EngineUnreachable, match="timed out"):
            engine.domains()


def test_logout_ends_within_its_timeout(stand_in):
    engine = connect(stand_in)
    engine.domains()
    stand_in.faults = {"logout": "hang"}
    engine.close()


def test_slow_answer_is_waited_for(engine, stand_in, domain):
    stand_in.faults = {ANYWHERE: 0.5}
    assert len(engine.domains()) == 1


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda system: system.no_such_service(), AttributeError),
        (lambda system: system.events_service().list(max="1"), TypeError),
        (lambda system: {}["x"], KeyError),
        (lambda system: 1 / 0, ZeroDivisionError),
    ],
)
def test_wrong_call_of_ours_is_no_fault_of_the_engine(stand_in, call, error):
    session = Session(
        stand_in.url, USER, lambda: PASSWORD, stand_in.ca_file, TIMEOUT
    )
    with Engine(session) as engine:
        with pytest.raises(error):
            session.ask("do what cannot be", call, lambda found: found)
        assert engine.domains() == []


def test_wrong_reading_of_ours_is_no_fault_of_the_engine(stand_in):
    session = Session(
        stand_in.url, USER, lambda: PASSWORD, stand_in.ca_file, TIMEOUT
    )
    with Engine(session):
        with pytest.raises(AttributeError):
            session.ask(
                "list the storage domains",
                lambda system: system.storage_domains_service().list(),
                lambda found: found.no_such_field,
            )


def test_login_that_is_nested_too_deeply(stand_in):
    with connect(stand_in) as engine:
        stand_in.faults = {LOGIN: b"[" * 100_000}
        with pytest.raises(errors.EngineUnreachable, match="no JSON"):
            engine.domains()

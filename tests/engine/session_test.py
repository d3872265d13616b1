# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who is let in, and who is not.

An engine locks an account after some wrong passwords, five by default: here
each one is followed by the right one.
"""

import ssl
import uuid

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import engine_ca  # noqa: E402
from tests.support.bridge.rest import Rest  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402
from vdsm_backup import errors  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


def is_over(tested, token):
    """Whether a session has ended, which may take the engine a moment."""
    return tested.nobody(token).get("storagedomains").status == 401


def test_login_gives_a_token(tested):
    nobody = tested.nobody()
    reply = nobody.login(*tested.person)
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.json["access_token"]
    assert reply.json["token_type"] == "bearer"
    assert nobody.get("storagedomains").status == 200
    assert nobody.logout().status == 200


def test_wrong_password(tested):
    nobody = tested.nobody()
    reply = nobody.login(tested.person.user, uuid.uuid4().hex)
    assert reply.status == 400
    assert reply.json["error"]
    assert nobody.token == ""
    assert nobody.login(*tested.person).status == 200
    nobody.logout()


def test_wrong_password_of_the_bridge(tested):
    with tested.engine(password=uuid.uuid4().hex) as engine:
        with pytest.raises(errors.EngineLogin):
            engine.domains()
    with tested.engine() as engine:
        engine.domains()


@pytest.mark.parametrize("token", ["", "0" * 40])
def test_call_without_a_session(tested, token):
    reply = tested.nobody(token).get("storagedomains")
    assert reply.status == 401
    assert reply.headers["Content-Type"].startswith("text/html")
    assert b"<storage_domain" not in reply.body


def test_logout_ends_the_session(tested):
    nobody = tested.nobody()
    nobody.login(*tested.person)
    assert nobody.get("storagedomains").status == 200
    assert nobody.logout().status == 200
    wait_until(lambda: nobody.get("storagedomains").status == 401)


def test_bridge_logs_in_again_after_the_engine_has_ended_its_session(tested):
    session = tested.session()

    def list_domains():
        return session.ask(
            "list the storage domains",
            lambda system: system.storage_domains_service().list(),
            len,
        )

    try:
        count = list_domains()
        first = session._open.authenticate()
        assert tested.nobody(first).logout().status == 200
        wait_until(lambda: is_over(tested, first))
        assert list_domains() == count
        second = session._open.authenticate()
        assert second != first
        assert list_domains() == count
        assert session._open.authenticate() == second, "one login"
    finally:
        session.close()
    wait_until(lambda: is_over(tested, second))


def test_two_sessions_of_one_user(tested):
    """A bridge and a person may be the same user."""
    one, two = tested.nobody(), tested.nobody()
    one.login(*tested.person)
    two.login(*tested.person)
    one.logout()
    assert two.get("storagedomains").status == 200
    two.logout()


def test_other_ca(tested, tmp_path):
    ca_file, _ = engine_ca.make_ca(tmp_path)
    with Rest(tested.url, ca_file) as nobody:
        with pytest.raises(ssl.SSLCertVerificationError):
            nobody.login(*tested.person)
    with tested.engine(ca_file=ca_file) as engine:
        with pytest.raises(errors.EngineUnreachable, match="certificate"):
            engine.domains()

# SPDX-License-Identifier: GPL-2.0-or-later
"""What hosts answer, and what the bridge makes of it."""

import pytest

from tests.support.bridge import fake_hosts
from vdsm_backup import errors
from vdsm_backup.bridge import agent, flags, hosts, shapes

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
HOST = hosts.Host("id", "h.example.com", 22, "root", "k", "")


@pytest.fixture
def there():
    made = fake_hosts.FakeHosts()
    made.storage[SD] = fake_hosts.domain(SD)
    return made


@pytest.fixture
def reader(there):
    return flags.Flags(there, "engine.example.com")


@pytest.mark.parametrize(
    "more, expected",
    [
        ({}, flags.Seen(shapes.NEVER)),
        ({"stamp": "T"}, flags.Seen(shapes.OFF, "T")),
        ({"stamp": "T", "by": "a@b"}, flags.Seen(shapes.OFF, "T a@b")),
        ({"flag": True, "stamp": "T"}, flags.Seen(shapes.ON, "T")),
        ({"flag": True, "pool": "P"}, flags.Seen(shapes.ON, pool="P")),
        ({"origin_match": "copied"}, flags.Seen(shapes.NEVER, replica=True)),
        ({"origin_match": "replica"}, flags.Seen(shapes.NEVER, replica=True)),
        ({"origin_match": "moved"}, flags.Seen(shapes.NEVER)),
        (
            {"flag": None, "error": {"code": 962, "message": "no\x1b answer"}},
            flags.Seen(shapes.UNKNOWN, why="error 962: no\\x1b answer"),
        ),
        ({"flag": None}, flags.Seen(shapes.UNKNOWN, why="it cannot be read")),
    ],
)
def test_what_a_host_sees(there, reader, more, expected):
    there.storage[SD] = fake_hosts.domain(SD, **more)
    assert reader.one(HOST, SD) == reader.all(HOST)[SD] == expected


def test_a_place_without_a_domain_is_left_out(there, reader):
    there.storage["x"] = fake_hosts.domain(None)
    assert list(reader.all(HOST)) == [SD]


def test_domain_that_the_host_does_not_know(there, reader):
    there.answers["show"] = fake_hosts.error(961, "No such domain")
    assert reader.one(HOST, SD) == flags.unknown("error 961: No such domain")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"domains": 1, "domain": 1},
        {"domains": [1], "domain": None},
        {"domains": [{"id": SD}], "domain": {}},
        {"domains": [{"id": SD, "flag": "yes"}], "domain": {"flag": "yes"}},
    ],
)
def test_answer_of_another_shape(there, reader, answer):
    there.answers = {"list": answer, "show": answer, "set": answer}
    with pytest.raises(errors.HostAnswer):
        reader.all(HOST)
    with pytest.raises(errors.HostAnswer):
        reader.one(HOST, SD)
    assert reader.set(HOST, SD, ()).outcome == shapes.UNSURE


def test_error_in_place_of_a_list(there, reader):
    there.answers["list"] = fake_hosts.error(9686, "not allowed")
    with pytest.raises(errors.HostAnswer, match="not allowed"):
        reader.all(HOST)
    there.answers["list"] = {"error": {}}
    with pytest.raises(errors.HostAnswer, match="none of ours"):
        reader.all(HOST)


def test_set(there, reader):
    done = reader.set(HOST, SD, ("anna@internal",))
    assert done == flags.Done(
        shapes.DONE, "stamp 1 anna@internal Backup box ticked in the engine"
    )
    assert there.asked[-1][1:] == (
        f"set {SD}",
        {"reason": "Backup box ticked in the engine", "by": "anna@internal"},
    )


@pytest.mark.parametrize(
    "code, message, expected",
    [
        (9601, "another reason", flags.Done(shapes.DONE)),
        (960, "HE", flags.Done(shapes.HOSTED_ENGINE, why="error 960: HE")),
        (982, "?", flags.Done(shapes.UNSURE, why="error 982: ?")),
        (9686, "no", flags.Done(shapes.FAILED, why="error 9686: no")),
        (964, "VM", flags.Done(shapes.FAILED, why="error 964: VM")),
    ],
)
def test_set_is_refused(there, reader, code, message, expected):
    there.answers["set"] = fake_hosts.error(code, message)
    assert reader.set(HOST, SD, ()) == expected


def test_clear_is_not_allowed(there, reader):
    there.answers["clear"] = fake_hosts.error(9686, "no")
    done = reader.clear(HOST, SD, "x", ())
    assert done.outcome == shapes.NOT_ALLOWED


@pytest.mark.parametrize(
    "cause, obstacle",
    [
        (errors.DomainAttached.NO_PLUGIN, flags.WITHOUT_PLUGIN),
        (errors.DomainAttached.OTHER_POOL, flags.FOREIGN),
        ("", ""),
        ("another", ""),
    ],
)
def test_what_vdsm_lacks(there, reader, cause, obstacle):
    """By the cause; the words are for people, and change."""
    error = errors.DomainAttached(SD, SD, "VDSM has no plugin, says a person")
    error.cause = cause
    there.answers["set"] = {"schema": 1, "error": error.as_object()}
    done = reader.set(HOST, SD, ())
    assert (done.outcome, done.obstacle) == (shapes.FAILED, obstacle)


@pytest.mark.parametrize(
    "error, outcome",
    [
        (errors.HostUnreachable("h", "no answer within 3 s"), shapes.UNSURE),
        (errors.HostAnswer("h", "x"), shapes.UNSURE),
        (errors.HostKeyUnknown("h", "x"), shapes.FAILED),
    ],
)
def test_host_does_not_answer(there, reader, error, outcome):
    there.answers["set"] = error
    done = reader.set(HOST, SD, ())
    assert done == flags.Done(outcome, why=f"error {error.code}: {error}")


@pytest.mark.parametrize(
    "users, by",
    [
        (("admin@internal-authz",), "admin@internal-authz"),
        (("admin@ovirt@internalsso",), "admin@ovirt@internalsso"),
        ((r"AD\anna lee@ad",), r"AD\anna_lee@ad"),
        (("j\N{LATIN SMALL LETTER O WITH DIAERESIS}rg@ad",), "j_rg@ad"),
        (("anna",), "anna@engine.example.com"),
        (("a;$(id)\n@ad",), "a___id__@ad"),
        (("x" * 100 + "@ad",), "x" * 80),
        ((), "engine@engine.example.com"),
        (("",), "engine@engine.example.com"),
        (("anna@ad", "bob@ad"), "engine@engine.example.com"),
    ],
)
def test_by(users, by):
    found = flags.by(users, "engine.example.com")
    assert found == by
    assert agent._BY.fullmatch(found)


@pytest.mark.parametrize(
    "comment, reason",
    [
        ("clear backup: site B is closed", "site B is closed"),
        (" Clear Backup site B  \n is\x1b closed. ", "site B is closed"),
        ("clear backup", "Backup box unticked in the engine, to clear"),
        ("clear backup " + "x" * 500, "x" * 200),
        ("clear backup \N{RIGHT-TO-LEFT OVERRIDE}ab", "ab"),
    ],
)
def test_reason_of_a_comment(comment, reason):
    found = flags.clear_reason(comment)
    assert found.startswith(reason)
    agent._require_reason(found)

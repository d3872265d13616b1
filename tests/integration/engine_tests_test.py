# SPDX-License-Identifier: GPL-2.0-or-later
"""
tests/engine at an engine that the environment names, which is left as it was:
all of it is run against a stand-in, as if that were a real one.
"""

import copy
import re
import subprocess
import sys

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests import ROOT  # noqa: E402
from tests.support import programs  # noqa: E402
from tests.support.bridge import real_engine, tested  # noqa: E402
from tests.support.bridge.engine_xml import API  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = pytest.mark.slow("runs all tests of an engine in a process")


@pytest.fixture
def engine(stand_in):
    made = tested.stand_in(stand_in)
    # Not that of the stand-in which the same tests make for themselves.
    for domain in stand_in.domains:
        domain.name = f"real {domain.name}"
    return made


@pytest.fixture
def environ(engine, tmp_path):
    for name, person in (("one", engine.person), ("other", engine.other)):
        (tmp_path / name).write_text(person.password + "\n")
    return {
        real_engine.URL: engine.url,
        real_engine.CA_FILE: engine.ca_file,
        real_engine.USER: engine.person.user,
        real_engine.PASSWORD_FILE: str(tmp_path / "one"),
        real_engine.DOMAIN: engine.domain,
        real_engine.BUSY_DOMAIN: engine.busy,
        real_engine.OTHER_USER: engine.other.user,
        real_engine.OTHER_PASSWORD_FILE: str(tmp_path / "other"),
    }


# What only the stand-in can be told.
ONLY_STAND_IN = "nobody can say when a real engine reads and writes"


def run(environ):
    """What the tests of the engine that `environ` names say."""
    env = programs.environ(environ)
    for name in [n for n in env if n.startswith("PYTEST_")]:
        del env[name]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-rs", "-k", "real"),
            *("-p", "no:cacheprovider", "tests/engine"),
        ],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kept(things):
    return [copy.copy(vars(thing)) for thing in things]


def changes(stand_in):
    """{(method, path)} of all calls that change something."""
    return {
        (method, path[len(API) :])
        for method, path, _ in stand_in.requests
        if method != "GET" and path.startswith(API)
    }


def test_engine_is_left_as_it_was(engine, environ):
    stand_in = engine.stand_in
    (domain,) = [d for d in stand_in.domains if d.id == engine.domain]
    domain.backup = True
    others = [stand_in.add_event(30) for _ in range(3)]
    have = (stand_in.domains, stand_in.data_centers, stand_in.hosts)
    before = [kept(things) for things in have]
    said = run(environ)
    skipped = [x for x in said.splitlines() if x.startswith("SKIPPED")]
    assert [x for x in skipped if ONLY_STAND_IN not in x] == []
    assert [kept(things) for things in have] == before
    assert stand_in.tokens == {}, "all sessions were ended"
    assert not any(event.dismissed for event in others)
    allowed = {
        ("POST", "/events"),
        ("PUT", f"/storagedomains/{engine.domain}"),
        ("PUT", f"/storagedomains/{engine.busy}"),
        (
            "PUT",
            f"/datacenters/{domain.data_center.id}/storagedomains/{domain.id}",
        ),
    }
    ours = {
        ("DELETE", f"/events/{event.index}")
        for event in stand_in.events
        if event.domain is domain
    }
    assert allowed < changes(stand_in) <= allowed | ours
    told = [e.domain.id for e in stand_in.events if e.origin != "oVirt"]
    assert set(told) == {domain.id}


def test_nothing_is_changed_where_no_domain_is_named(engine, environ):
    stand_in = engine.stand_in
    for name in (real_engine.DOMAIN, real_engine.BUSY_DOMAIN):
        environ[name] = ""
    said = run(environ)
    assert changes(stand_in) == set()
    assert re.search(r"\d+ passed", said)
    assert f"no domain is named that tests may edit: {real_engine.DOMAIN}" in (
        said
    )
    assert f"no domain with a VM is named: {real_engine.BUSY_DOMAIN}" in said
